import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const server = process.env.VOICE_AGENT ?? "http://127.0.0.1:8080";

const OUT = here("../voice_agent/web/console");

/** Compressed once, when it is built: the server sends the files as they lie there. */
const compressed: Plugin = {
  name: "compressed",
  apply: "build",
  async closeBundle() {
    const assets = join(OUT, "assets");
    for (const name of (await readdir(assets)).filter((each) => /\.(js|css)$/.test(each))) {
      const file = join(assets, name);
      const content = await readFile(file);
      await writeFile(`${file}.gz`, await promisify(gzip)(content));
      // The best quality, 11, would take seconds for a twentieth less.
      const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
      await writeFile(`${file}.br`, await promisify(brotliCompress)(content, { params }));
    }
  },
};

export default defineConfig({
  base: "/console/",
  plugins: [react(), tailwindcss(), compressed],
  resolve: { alias: { "@": here("./src"), "@sdk": here("../sdk/src") } },
  build: {
    outDir: OUT,
    emptyOutDir: true,
    // The content security policy allows no data: URLs but for images.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    target: "es2022",
  },
  server: {
    fs: { allow: [here("."), here("../sdk")] },
    proxy: {
      "/api": { target: server },
      "/console/live": { target: server, ws: true },
      "/browser": { target: server, ws: true },
      "/webrtc": { target: server, ws: true },
      "/sdk": { target: server },
    },
  },
});
