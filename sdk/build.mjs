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
    const compiler = join(here, "node_modules", "typescript", "bin", "tsc");
    const options = ["--declaration", "--emitDeclarationOnly", "--noEmit", "false", "--rootDir", "src", "--outDir", folder];
    execFileSync(process.execPath, [compiler, "-p", ".", ...options], { cwd: here, stdio: "inherit" });
    const imported = new Set();
    const modules = ["errors", "types", "client"].map((name) =>
      readFileSync(join(folder, `${name}.d.ts`), "utf8")
        .replace(/^import [^;]*?\{([^}]*)\}[^;]*;\n/gm, (_, names) => {
          for (const each of names.split(",")) imported.add(each.replace("type ", "").trim());
          return "";
        })
        .trim(),
    );
    const text = modules.join("\n\n");
    for (const name of imported) {
      if (name && !new RegExp(`(class|interface|type) ${name}\\b`).test(text)) {
        throw new Error(`${name} is in a public type, but not in errors, types or client`);
      }
    }
    return `${common.banner.js}\n\n${text}\n\nexport default PersonaClient;\n`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
