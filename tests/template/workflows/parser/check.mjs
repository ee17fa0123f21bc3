// What GitHub's own parser and language service say of workflow files: node check.cjs FILE...; 1 where they say anything.
import { readFileSync } from "node:fs";
import { validate } from "@actions/languageservice/validate";
import { TextDocument } from "vscode-languageserver-textdocument";

const SEVERITIES = ["", "error", "warning", "information", "hint"];

async function check(file) {
  const document = TextDocument.create(`file://${file}`, "yaml", 1, readFileSync(file, "utf8"));
  const found = await validate(document);
  found.forEach((each) => console.log(`${file}:${each.range.start.line + 1}: ${SEVERITIES[each.severity ?? 1]}: ${each.message}`));
  return found.length;
}

Promise.all(process.argv.slice(2).map(check)).then((counts) => {
  process.exitCode = counts.some(Boolean) ? 1 : 0;
});
