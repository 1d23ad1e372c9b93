// `make picture`: draw each ../NAME.dot as ../NAME.svg.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { instance } from "@viz-js/viz";

const folder = new URL("../", import.meta.url);
const style = readFileSync(new URL("style.css", import.meta.url), "utf8");
const viz = await instance();

for (const name of readdirSync(folder).filter((name) => name.endsWith(".dot"))) {
  const source = readFileSync(new URL(name, folder), "utf8");
  const digest = createHash("sha256").update(source).update(style).digest("hex");
  const svg = viz
    .renderString(source, { format: "svg" })
    .replace(/<\?xml[^]*?(?=<svg)/, "")
    // The style sheet defines colors and fonts, for light and dark.
    .replace(/ (?:fill|stroke|font-family)="[^"]*"/g, "")
    .replace(/(<svg[^>]*>)/, `$1\n<!-- source ${digest} -->\n<style>\n${style}</style>`);
  writeFileSync(new URL(name.replace(/dot$/, "svg"), folder), svg);
}
