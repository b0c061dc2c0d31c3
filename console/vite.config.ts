import { fileURLToPath } from "node:url";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const server = process.env.VOICE_AGENT ?? "http://127.0.0.1:8080";

export default defineConfig({
  base: "/console/",
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": here("./src"), "@sdk": here("../sdk/src") } },
  build: {
    outDir: here("../voice_agent/web/console"),
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
