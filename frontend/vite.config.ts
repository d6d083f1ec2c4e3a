import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";

const BUNDLED = ["preact", "@preact/signals", "@preact/signals-core", "uplot"];

/** Puts the licences of what is bundled beside the bundle. */
function licenses(): Plugin {
  return {
    name: "licenses",
    generateBundle() {
      const texts = BUNDLED.map((name) => {
        const text = readFileSync(`node_modules/${name}/LICENSE`, "utf8").replaceAll("\r\n", "\n");
        return `${name}\n${"=".repeat(name.length)}\n\n${text.trim()}\n`;
      });
      const fileName = "THIRD_PARTY_LICENSES.txt";
      this.emitFile({ type: "asset", fileName, source: texts.join("\n\n") });
    },
  };
}

// One ES module that TensorBoard imports as ./static/index.js, the same bytes for the same source.
export default defineConfig({
  publicDir: false,
  plugins: [licenses()],
  build: {
    outDir: "../tb_sparsity/plugin/static",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    rolldownOptions: { output: { minify: true } },
    lib: { entry: "src/index.ts", formats: ["es"], fileName: () => "index.js" },
  },
});
