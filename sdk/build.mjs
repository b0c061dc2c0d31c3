// Builds the SDK to dist/ (what is published) and to the server's package (what it serves).
// `node build.mjs FOLDER` builds to that folder instead.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const given = process.argv[2];
const target = given ?? join(here, "dist");
const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));

const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  legalComments: "none",
  banner: { js: `/* voice-agent-persona ${version}, Apache-2.0 */` },
  target: ["chrome91", "firefox90", "safari15"],
  logLevel: "warning",
};

mkdirSync(target, { recursive: true });
for (const [entry, name, format] of [
  ["index", "persona", "esm"],
  ["classic", "persona.classic", "iife"],
  ["worklet", "worklet", "esm"],
]) {
  await build({ ...common, format, entryPoints: [`src/${entry}.ts`], outfile: join(target, `${name}.js`) });
}
writeFileSync(join(target, "persona.d.ts"), declarations());
if (!given) cpSync(target, join(here, "..", "voice_agent", "web", "sdk"), { recursive: true });

// One file of types: those of the modules whose every declaration is public, one behind the other.
function declarations() {
  const folder = mkdtempSync(join(tmpdir(), "persona-"));
  try {
    tsc(here, "-p", ".", "--declaration", "--emitDeclarationOnly", "--noEmit", "false", "--outDir", folder);
    const modules = ["errors", "types", "client"]
      .map((name) => readFileSync(join(folder, `${name}.d.ts`), "utf8"))
      .map((text) => text.replace(/^import [^;]*;\n/gm, "").trim());
    const text = `${common.banner.js}\n\n${modules.join("\n\n")}\n\nexport default PersonaClient;\n`;
    const made = join(folder, "persona.d.ts");
    writeFileSync(made, text);
    tsc(folder, "--noEmit", "--strict", "--skipDefaultLibCheck", "--target", "es2022", made);
    return text;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function tsc(cwd, ...options) {
  const compiler = join(here, "node_modules", "typescript", "bin", "tsc");
  execFileSync(process.execPath, [compiler, ...options], { cwd, stdio: "inherit" });
}
