"use strict";

// What is shown as text. Names of pods may be hostile: they are inserted as text, never as markup.

const DEEPEST = 20; // JSON nested deeper is not indented
const INVISIBLE = /(?![\t\n\u200c\u200d])([\p{Cc}\p{Cf}\p{Zl}\p{Zp}])/u; // joiners are part of scripts and emoji

const number = (value) => value.toLocaleString("en");
const counted = (pods) => `${number(pods)} ${pods === 1 ? "pod" : "pods"}`;

function code(character) {
  return "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
}

function plain(text) {
  return text.split(INVISIBLE).filter((_, at) => at % 2 === 0).join("");
}

// Indents tokens: JSON.stringify(JSON.parse()) would change long numbers and drop duplicate keys.
function pretty(text) {
  if (!/^\s*[{[]/.test(text)) return text;
  try {
    JSON.parse(text);
  } catch {
    return text;
  }
  let depth = 0, deepest = 0;
  const line = () => "\n" + "  ".repeat(Math.min(depth, DEEPEST));
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|\{\s*\}|\[\s*\]|[{}[\],:]|\s+/g;
  const indented = text.replace(tokens, (token) => {
    switch (token) {
      case "{": case "[":
        deepest = Math.max(deepest, ++depth);
        return token + line();
      case "}": case "]":
        depth--;
        return line() + token;
      case ",": return "," + line();
      case ":": return ": ";
    }
    return token[0] === '"' ? token : token.replace(/\s+/g, "");
  });
  return deepest > DEEPEST ? text : indented;
}

function span(seconds) {
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * size) return `${number(Math.floor(seconds / size))} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

function ago(time) {
  const seconds = (Date.now() - Date.parse(time)) / 1000;
  return Number.isNaN(seconds) ? "" : `${span(seconds)} ago`;
}

function moment(time) {
  return time && `${time.replace("T", " ").replace("Z", " UTC")} (${ago(time)})`;
}
