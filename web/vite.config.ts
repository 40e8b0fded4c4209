import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

const server = process.env["HELIOGRAPH_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [solid()],
  build: { target: "es2022", sourcemap: false, modulePreload: { polyfill: false } },
  worker: { format: "es" },
  server: { proxy: { "/api": server, "/media": server, "/ws": { target: server, ws: true } } },
});
