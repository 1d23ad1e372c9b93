// `make picture`: draw ../request.dot as ../request.svg.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { instance } from "@viz-js/viz";

const read = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const [source, style] = [read("../request.dot"), read("style.css")];
const digest = createHash("sha256").update(source).update(style).digest("hex");

const svg = (await instance())
  .renderString(source, { format: "svg" })
  .replace(/<\?xml[^]*?(?=<svg)/, "")
  // The style sheet defines colors and fonts, for light and dark.
  .replace(/ (?:fill|stroke|font-family)="[^"]*"/g, "")
  .replace(/(<svg[^>]*>)/, `$1\n<!-- source ${digest} -->\n<style>\n${style}</style>`);
writeFileSync(new URL(process.argv[2] ?? "../request.svg", import.meta.url), svg);
