import solid from "vite-plugin-solid";
import { defineConfig } from "vitest/config";
import { emoji } from "./scripts/emoji.ts";

/** Tests of components say `// @vitest-environment jsdom` in their first line. */
export default defineConfig({
  plugins: [solid(), emoji()],
  test: {
    environment: "node",
    include: ["{src,test}/**/*.test.{ts,tsx}"],
    // Only what hangs takes so long.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    pool: "threads", // which start faster than processes
    restoreMocks: true,
  },
});
