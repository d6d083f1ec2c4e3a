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

/** Leaves out what uPlot could draw besides: it hangs on one object, where nothing else finds it unused. */
function leanUPlot(): Plugin {
  const unused = /\(?paths\.(stepped|bars|spline)\s*=\s*\w+\)?;/g;
  return {
    name: "lean-uplot",
    transform(code, id) {
      if (!id.endsWith("/uPlot.esm.js")) return null;
      if (code.match(unused)?.length !== 3) this.error("uPlot has changed");
      return { code: code.replace(unused, ""), map: null };
    },
  };
}

// One ES module that TensorBoard imports as ./static/index.js, the same bytes for the same source.
export default defineConfig({
  publicDir: false,
  plugins: [leanUPlot(), licenses()],
  build: {
    outDir: "../tb_sparsity/plugin/static",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    rolldownOptions: { output: { minify: true } },
    lib: { entry: "src/index.ts", formats: ["es"], fileName: () => "index.js" },
  },
});
