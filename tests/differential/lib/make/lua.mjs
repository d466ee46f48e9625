// SPDX-License-Identifier: MIT
/*
 * Random Lua programs for EVAL: commands called with what KEYS, ARGV, literals and earlier results give, conversions
 * back and forth, and the libraries. Only what has one answer: no order of pairs(), no chance, no time.
 */
import { LEX_KEYS } from '../gen.mjs';

const FORMATS = ['b', 'B', 'h', 'H', 'i4', 'I4', 'l', 'L', 'f', 'd', 'i2', 'I3', '>I4', '<i8', '>h', '!4i4', 'x', 's', 'c4', 'c0'];
const WORDS_MAX = 60; // a call of more than some 250 does not compile
const PATTERNS = ['%a+', '%d+', '(%w)(%w)', '^.', '.$', '[aeiou]', '%s*', '(.-),', '%%', '%x%x', '%b()', '%f[%w]%w+'];

/** { args, way }: one EVAL. command(g) gives the words of an ordinary command that has one answer. */
export function evalStep(g, command) {
  const program = new Program(g, command);
  const body = program.make();
  const name = g.chance(0.05) ? 'EVAL_RO' : 'EVAL';
  const numkeys = g.chance(0.02) ? g.junk() : String(program.keys.length);
  // a map of RESP3 has no order once it is a Lua table
  const way = body.includes('setresp(3)') ? 'unordered' : 'exact';
  return { args: [name, body, numkeys, ...program.keys, ...program.argv], way };
}

export function literal(text) {
  return `"${text.replace(/[^ !#-[\]-~]/g, (c) => `\\${String(c.charCodeAt(0)).padStart(3, '0')}`)}"`;
}

class Program {
  keys = [];
  argv = [];
  #lines = [];
  #results = [];

  constructor(g, command) {
    this.g = g;
    this.command = command;
  }

  make() {
    const { g } = this;
    this.keys = g.keys(undefined, 0, 3);
    this.argv = g.some(0, 4, () => g.text());
    if (g.chance(0.05)) this.#lines.push('redis.setresp(3)');
    for (let i = g.int(0, 5); i > 0; i--) this.#statement();
    const value = this.#value(3);
    return [...this.#lines, `return ${value}`].join(g.chance(0.5) ? '\n' : ' ; ');
  }

  #statement() {
    const { g } = this;
    g.weighted([
      [10, () => this.#keep(this.#call())],
      [3, () => this.#keep(this.#value(2))],
      [1, () => this.#lines.push(this.#loop())],
      [1, () => this.#lines.push(`if ${this.#value(1)} then ${this.#call()} else ${this.#call()} end`)],
      [1, () => this.#keep(`(function() ${this.#call()} return ${this.#value(1)} end)()`)],
    ])();
  }

  #keep(expression) {
    const name = `r${this.#results.length + 1}`;
    this.#lines.push(`local ${name} = ${expression}`);
    this.#results.push(name);
  }

  #loop() {
    const list = literal(this.g.key('list'));
    return `for i = 1, ${this.g.int(0, 5)} do redis.pcall("RPUSH", ${list}, i) end`;
  }

  #call() {
    const { g } = this;
    const words = this.command(g).slice(0, WORDS_MAX);
    const how = g.weighted([[5, 'redis.call'], [5, 'redis.pcall']]);
    const mayVary = !words.some((word) => LEX_KEYS.includes(word));
    return `${how}(${words.map((word) => (mayVary ? this.#word(word) : literal(word))).join(', ')})`;
  }

  /** A word of a command: as it is, or the KEYS, ARGV or number that it is. */
  #word(word) {
    const { g } = this;
    if (this.keys.includes(word)) return `KEYS[${this.keys.indexOf(word) + 1}]`;
    if (this.argv.length > 0 && g.chance(0.05)) return `ARGV[${g.int(1, this.argv.length)}]`;
    // 0 and -0 are one constant to Lua's compiler, and which of them is a matter of order
    if (/^-?\d{1,15}$/.test(word) && word !== '-0' && g.chance(0.5)) return word;
    if (/^-?\d+\.\d+$/.test(word) && g.chance(0.5)) return word;
    if (g.chance(0.005)) return g.pick(['nil', 'true', '{}', '1e15', '2^53', '0/0', '1/0', '3.99']);
    return literal(word);
  }

  #value(depth) {
    const { g } = this;
    return g.weighted([
      [8, () => this.#leaf()],
      [depth > 0 ? 6 : 0, () => `{${g.some(0, 4, () => this.#value(depth - 1)).join(', ')}}`],
      [depth > 0 ? 5 : 0, () => this.#library(depth - 1)],
      [depth > 0 ? 2 : 0, () => this.#arithmetic(depth - 1)],
      [1, () => g.pick([`redis.status_reply(${literal(g.letter())})`, `redis.error_reply("MY ${g.letter()}")`, `{ok="fine"}`, `{err="BAD luck"}`])],
    ])();
  }

  #leaf() {
    const { g } = this;
    const rows = [
      [4, () => literal(g.text())],
      [3, () => String(g.int(-5, 100))],
      [2, () => g.pick(['1.5', '-2.75', '3.999', '1e10', '2^31', '2^53', '-2^40', '0.1'])],
      [2, () => g.pick(['true', 'false', 'nil'])],
    ];
    if (this.#results.length > 0) rows.push([8, () => g.pick(this.#results)]);
    if (this.keys.length > 0) rows.push([2, () => `KEYS[${g.int(1, this.keys.length + 1)}]`]);
    if (this.argv.length > 0) rows.push([4, () => `ARGV[${g.int(1, this.argv.length + 1)}]`]);
    return g.weighted(rows)();
  }

  #arithmetic(depth) {
    const { g } = this;
    const [a, b] = [this.#value(depth), this.#value(depth)];
    return g.pick([`(${a} == ${b})`, `(${a} and ${b})`, `(${a} or ${b})`, `(not ${a})`, `((tonumber(ARGV[1]) or 1) + ${g.int(-9, 9)})`,
      `((tonumber(ARGV[1]) or 1) * 1.5)`, `(7 % ${g.int(1, 5)})`, `#tostring(KEYS[1])`, `math.floor(${g.float()})`, `math.max(${g.int(0, 9)}, ${g.float()})`]);
  }

  #library(depth) {
    const { g } = this;
    const value = () => this.#value(depth);
    const text = () => literal(g.text());
    const n = () => g.int(-70000, 70000);
    return g.weighted([
      [6, () => `type(${value()})`],
      [3, () => `select('#', pcall(tostring, ${value()}))`],
      [4, () => this.#guarded('cjson.encode', `{${g.some(0, 4, () => this.#plain(depth)).join(', ')}}`)],
      [3, () => this.#guarded('cjson.encode', this.#plain(depth))],
      [4, () => this.#guarded('cjson.decode', literal(this.#json(3)))],
      [2, () => `cjson.encode({[${text()}] = ${this.#plain(depth)}})`],
      [4, () => this.#guarded('cmsgpack.pack', g.some(1, 4, () => this.#plain(depth)).join(', '))],
      [3, () => `{cmsgpack.unpack(cmsgpack.pack(${g.some(1, 3, () => this.#plain(depth)).join(', ')}))}`],
      [1, () => this.#guarded('cmsgpack.unpack', literal(g.bytes(g.int(0, 6))))],
      [1, () => this.#guarded('cjson.decode', text())],
      [3, () => this.#struct()],
      [3, () => `bit.${g.pick(['band', 'bor', 'bxor', 'lshift', 'rshift', 'arshift', 'rol', 'ror'])}(${n()}, ${g.int(0, 33)})`],
      [2, () => `bit.${g.pick(['tobit', 'bnot', 'bswap', 'tohex'])}(${n()})`],
      [2, () => `redis.sha1hex(${text()})`],
      [3, () => `{string.find(${text()}, ${literal(g.pick(PATTERNS))})}`],
      [2, () => `{string.gsub(${text()}, ${literal(g.pick(PATTERNS))}, "<%0>")}`],
      [2, () => `string.format(${g.pick([`"%d %5.2f", ${n()}, ${g.float()}`, `"%x %X %o", ${g.int(0, 9999)}, 255, 8`, `"%s|%10s|%-5s|", ${text()}, "a", "b"`, `"%q", ${literal(g.letter())}`, `"%g %e", ${g.float()}, ${g.float()}`, `"%c%i", 65, 3`])})`],
      [2, () => `string.${g.pick(['upper', 'lower', 'reverse', 'len'])}(${text()})`],
      [2, () => `string.sub(${text()}, ${g.int(-5, 5)}, ${g.int(-5, 5)})`],
      [2, () => `{string.byte(${text()}, 1, 5)}`],
      [1, () => `string.rep(${text()}, ${g.int(0, 3)})`],
      [2, () => `table.concat({${g.some(0, 4, () => g.pick([text(), String(n())])).join(', ')}}, ",")`],
      [2, () => `(function(t) table.sort(t) return t end)({${g.some(0, 6, () => String(n())).join(', ')}})`],
      [2, () => `{tonumber(${text()}), tonumber("${g.pick(['10', 'ff', '0x1f', '1e3', ' 7 ', ''])}", ${g.pick([10, 16, 8])})}`],
      [2, () => `tostring(${g.pick([String(n()), g.float(), '1e15', '1e16', '2^63', '1/0', '-1/0', '1e100', '0.1', '100000000000000'])})`],
      [1, () => `{unpack({${g.some(0, 5, () => this.#plain(depth)).join(', ')}})}`],
      [1, () => `{pcall(${g.pick(['error', 'redis.call', 'tostring', 'string.rep'])}, ${text()})}`],
      [1, () => `({pcall(function() return ${this.#call()} end)})[1]`],
    ])();
  }

  /** Only whether it failed, not its words, which are each library's own. */
  #guarded(name, args) {
    return `(function() local ok, v = pcall(${name}, ${args}) if ok then return v end return "failed" end)()`;
  }

  /** What JSON and MessagePack can hold, with at most one field in a map. */
  #plain(depth) {
    const { g } = this;
    return g.weighted([
      [4, () => literal(g.text())],
      [4, () => String(g.pick([g.int(-200, 200), g.int(-70000, 70000), g.int(-2147483648, 2147483647)]))],
      [2, () => g.float()],
      [2, () => g.pick(['true', 'false'])],
      [1, () => 'cjson.null'],
      [depth > 0 ? 3 : 0, () => `{${g.some(0, 3, () => this.#plain(depth - 1)).join(', ')}}`],
      [depth > 0 ? 2 : 0, () => `{${g.letter()} = ${this.#plain(depth - 1)}}`],
    ])();
  }

  #struct() {
    const { g } = this;
    const formats = g.some(1, 3, () => g.pick(FORMATS));
    const args = formats.map((f) => (/[sc]/.test(f) ? literal(g.letter().repeat(g.int(0, 6))) : String(g.int(-200, 300))));
    const format = literal(formats.join(''));
    return g.pick([this.#guarded('struct.pack', [format, ...args].join(', ')), this.#guarded('struct.size', format),
      `{pcall(function() return struct.unpack(${format}, ${literal(g.bytes(g.int(0, 20)))}) end)}`.replace('{pcall(', '{select(2, pcall(').replace(/}$/, ')}')]);
  }

  #json(depth) {
    const { g } = this;
    return g.weighted([
      [3, () => `"${g.pick(['a', '\\u00e9', '\\ud83d\\ude00', '\\n', '\\"', 'x\\/y', '\xc3\xa9'])}"`],
      [3, () => g.pick(['0', '-1', '1.5', '1e3', '123456789012', '0.1', '1E-2', '9007199254740993', '01', '+1', '1.', 'NaN', '0x10'])],
      [2, () => g.pick(['true', 'false', 'null', '', 'nul'])],
      [depth > 0 ? 3 : 0, () => `[${g.some(0, 3, () => this.#json(depth - 1)).join(g.pick([',', ' , ', ',,']))}]`],
      [depth > 0 ? 2 : 0, () => `{${g.some(0, 1, () => `"${g.letter()}":${this.#json(depth - 1)}`).join(',')}}`],
    ])();
  }
}
