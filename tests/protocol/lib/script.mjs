// SPDX-License-Identifier: MIT
/*
 * Protocol scripts as text: ../README.md tells the format. A script becomes a list of steps:
 *
 *   { line, text, does, on, args | bytes | ms | name, way, expected }
 *
 * does: call (send, read, compare) · send · read · quiet (nothing waits) · write (raw bytes) · end (our side closes)
 *       scan (a whole iteration) · wait · reset · section
 */
import { ways } from './compare.mjs';

const ESCAPES = { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' };
const ON_CONNECTION = { '>': 'send', ':': 'call', '<': 'read', '?': 'quiet', '!': 'write', x: 'end' };

/** redis-cli's quoting: words, "..." with escapes, '...'; and "..."*N for N times the same. Throws on bad quoting. */
export function splitWords(text) {
  const words = [];
  let rest = text.trimStart();
  while (rest) {
    const [word, length] = readWord(rest);
    if (rest[length] && !/\s/.test(rest[length])) throw new Error(`a space is missing after ${rest.slice(0, length)}`);
    words.push(word);
    rest = rest.slice(length).trimStart();
  }
  return words;
}

function readWord(text) {
  if (text[0] !== '"' && text[0] !== "'") {
    const word = /^\S+/.exec(text)[0];
    return [word, word.length];
  }
  const quoted = (text[0] === '"' ? /^"(?:[^"\\]|\\.)*"/s : /^'(?:[^'\\]|\\.)*'/s).exec(text)?.[0];
  if (!quoted) throw new Error('unbalanced quotes');
  const inside = quoted.slice(1, -1);
  const word = text[0] === '"' ? unescape(inside) : inside.replaceAll("\\'", "'");
  const times = /^\*(\d+)/.exec(text.slice(quoted.length));
  return times ? [word.repeat(Number(times[1])), quoted.length + times[0].length] : [word, quoted.length];
}

export function unescape(text) {
  return text.replace(/\\x([0-9a-fA-F]{2})|\\(.)/gs, (_, hex, c) => (hex ? String.fromCharCode(parseInt(hex, 16)) : (ESCAPES[c] ?? c)));
}

export function parseScript(text) {
  return text.split('\n').flatMap((raw, i) => {
    const source = raw.replace(/\r$/, '').trim();
    if (!source || /^#(?!# )/.test(source)) return [];
    try {
      return [{ line: i + 1, text: source, ...parseLine(source) }];
    } catch (error) {
      throw new Error(`line ${i + 1}: ${error.message}: ${source}`);
    }
  });
}

function parseLine(text) {
  if (text === '---') return { does: 'reset' };
  if (text.startsWith('## ')) return { does: 'section', name: text.slice(3).trim() };
  const wait = /^@wait (\d+)$/.exec(text);
  if (wait) return { does: 'wait', ms: Number(wait[1]) };
  const loose = /^~(\w+)\s+(.*)$/s.exec(text);
  if (!loose) return { way: 'exact', ...parseAction(text) };
  if (loose[1] === 'oxq') return parseExpected(loose[2]);
  if (loose[1] === 'scan') return { way: 'exact', ...parseAction(loose[2]), does: 'scan' };
  if (!ways.includes(loose[1])) throw new Error(`unknown way ~${loose[1]}`);
  return { ...parseAction(loose[2]), way: loose[1] };
}

function parseExpected(text) {
  const at = text.lastIndexOf(' => ');
  if (at < 0) throw new Error('~oxq needs " => reply"');
  const expected = unescape(text.slice(at + 4));
  return { way: 'exact', ...parseAction(text.slice(0, at)), expected: expected.endsWith('\r\n') ? expected : `${expected}\r\n` };
}

function parseAction(text) {
  const on = /^([1-9])([>:<?!x])(?:\s+(.*))?$/s.exec(text);
  if (!on) return { does: 'call', on: 1, args: splitWords(text) };
  const step = { does: ON_CONNECTION[on[2]], on: Number(on[1]) };
  if (step.does === 'write') return { ...step, bytes: splitWords(on[3] ?? '').join('') };
  if (step.does === 'send' || step.does === 'call') return { ...step, args: splitWords(on[3] ?? '') };
  if (on[3]) throw new Error(`nothing may follow ${on[1]}${on[2]}`);
  return step;
}
