import { defineConfig } from "vite";
import solid from "vite-plugin-solid";
import { emoji } from "./scripts/emoji.ts";
import { finish } from "./scripts/finish.ts";

const server = process.env["HELIOGRAPH_URL"] ?? "http://127.0.0.1:8000";
const finished = finish();

export default defineConfig({
  plugins: [solid(), emoji(), finished.page],
  build: {
    // Browsers of the last two years.
    target: ["chrome125", "edge125", "firefox128", "safari17.5"],
    sourcemap: false,
    modulePreload: { polyfill: false },
    // The content policy has no `data:` for scripts and styles, and a file is in the cache once.
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        comments: false, // what licences ask for is in a file of its own
        // All that is needed to start is one file, not one for each set of chunks that share it.
        codeSplitting: { groups: [{ name: "start", tags: ["$initial"] }] },
      },
    },
  },
  worker: {
    format: "es",
    plugins: () => [finished.worker],
    // The server gives a file of this name the policy that compiles WebAssembly.
    rolldownOptions: {
      output: {
        entryFileNames: "assets/worker-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        comments: false,
      },
    },
  },
  server: { proxy: { "/api": server, "/media": server, "/ws": { target: server, ws: true } } },
});
