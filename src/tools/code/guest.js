/*
 * Runs in the sandbox before the program, and gives it what it may use: console, files, tools.
 * @param send starts something outside: (id, operation, JSON, bytes)
 * @param print takes one line of output
 * @returns what the host calls: `receive` ends what was sent, `finish` gives a program's value as text
 */
(send, print) => {
  const { stringify, parse } = JSON;
  const { freeze } = Object;
  const LONGEST_LINE = 20_000;
  const waiting = new Map();
  let sent = 0;

  function ask(operation, args, bytes) {
    return new Promise((resolve, reject) => {
      const id = ++sent;
      waiting.set(id, { resolve, reject });
      send(id, operation, stringify(args), bytes);
    });
  }

  /** JSON of what is no JSON, too. */
  function encoded(value, space) {
    const above = [];
    return stringify(
      value,
      function (key, inner) {
        while (above.length > 0 && above.at(-1) !== this) above.pop();
        if (above.includes(inner)) return '[Circular]';
        if (typeof inner === 'object' && inner !== null) above.push(inner);
        if (typeof inner === 'bigint') return `${inner}`;
        if (typeof inner === 'function') return `[Function ${inner.name || key}]`;
        if (typeof inner === 'symbol') return String(inner);
        if (inner instanceof Map) return Object.fromEntries(inner);
        if (inner instanceof Set) return [...inner];
        if (inner instanceof Error) return `${inner.name}: ${inner.message}`;
        if (ArrayBuffer.isView(inner) && !(inner instanceof DataView)) return [...inner];
        return inner;
      },
      space,
    );
  }

  const shown = (value) => (typeof value === 'string' ? value : (encoded(value) ?? String(value)));
  const log = (...values) => print(values.map(shown).join(' ').slice(0, LONGEST_LINE));

  function described(error) {
    if (!(error instanceof Error)) return `The program threw ${shown(error)}`;
    const lines = String(error.stack ?? '').match(/program\.js:\d+/g) ?? [];
    const place = lines.length > 0 ? ` (line ${lines[0].slice('program.js:'.length)})` : '';
    return `${error.name === 'Error' ? '' : `${error.name}: `}${error.message}${place}`;
  }

  // Its memory is not counted.
  delete globalThis.SharedArrayBuffer;
  globalThis.console = freeze({ log, info: log, debug: log, warn: log, error: log });
  globalThis.files = freeze({
    list: () => ask('files.list', []),
    read: (name) => ask('files.read', [String(name)]),
    readBytes: async (name) => new Uint8Array(await ask('files.readBytes', [String(name)])),
    write(name, content, mediaType) {
      if (typeof content === 'string') return ask('files.write', [String(name), content, mediaType]);
      const isBytes = content instanceof ArrayBuffer || ArrayBuffer.isView(content);
      if (!isBytes) return ask('files.write', [String(name), encoded(content, 1), mediaType ?? 'application/json']);
      const { buffer, byteOffset, byteLength } = ArrayBuffer.isView(content) ? content : new Uint8Array(content);
      return ask('files.write', [String(name), null, mediaType], buffer.slice(byteOffset, byteOffset + byteLength));
    },
  });
  globalThis.tools = new Proxy(freeze({}), {
    get: (_, name) =>
      typeof name === 'symbol' || name === 'then' ? undefined : (args = {}) => ask('tools', [name, args]),
  });

  return freeze({
    receive(id, error, json, bytes) {
      const { resolve, reject } = waiting.get(id);
      waiting.delete(id);
      if (error !== undefined) reject(new Error(error));
      else resolve(bytes ?? (json === undefined ? undefined : parse(json)));
    },
    /** @returns a promise of JSON: `{ result }` or `{ error }` */
    finish(promise, isWrapped) {
      const value = Promise.resolve(promise).then(async (done) => shownResult(await (isWrapped ? done : done.value)));
      return value.catch((error) => stringify({ error: described(error) }));
    },
    described,
  });

  function shownResult(value) {
    return stringify({ result: value === undefined ? undefined : typeof value === 'string' ? value : shown(value) });
  }
};
