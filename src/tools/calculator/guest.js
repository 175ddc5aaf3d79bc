/* Runs in the sandbox, after mathjs. Its value is a function of an expression that gives its result as text. */
(() => {
  const math = globalThis.math;
  /** Digits that are calculated with. */
  const PRECISION = 128;
  /** Digits of results that are exact; longer ones are taken for endless, and rounded. */
  const EXACT_DIGITS = 100;
  const ROUNDED_DIGITS = 34;
  const LONGEST_RESULT = 10_000;

  math.config({ number: 'BigNumber', precision: PRECISION });
  const { evaluate, format, fraction, divide, typed, isBigNumber, isResultSet } = math;

  // https://mathjs.org/docs/expressions/security.html: what would let an expression make expressions, or change the library.
  const CLOSED = [
    'import',
    'createUnit',
    'reviver',
    'evaluate',
    'parse',
    'parser',
    'compile',
    'simplify',
    'simplifyCore',
  ];
  const SYMBOLIC = ['simplifyConstant', 'derivative', 'rationalize', 'resolve', 'leafCount', 'symbolicEqual', 'help'];
  const closed = (name) => () => {
    throw new Error(`The function ${name} is not there`);
  };
  // Numbers are BigNumbers here, of which mathjs itself makes no fractions in pairs.
  const ofTwo = typed({ 'BigNumber, BigNumber': (a, b) => divide(fraction(a), fraction(b)) });
  const functions = Object.fromEntries([...CLOSED, ...SYMBOLIC].map((name) => [name, closed(name)]));
  math.import({ ...functions, fraction: typed('fraction', fraction, ofTwo) }, { override: true });

  // One thread does many calculations: what one of them sets must not be there in the next.
  math.expression.mathWithTransform.config = Object.freeze(math.config());

  function digits(value) {
    if (!isBigNumber(value)) return typeof value === 'number' ? format(value, { precision: 14 }) : String(value);
    const isExact = value.precision() <= EXACT_DIGITS;
    const bounds = { lowerExp: -20, upperExp: isExact ? EXACT_DIGITS : ROUNDED_DIGITS };
    return format(value, isExact ? bounds : { ...bounds, precision: ROUNDED_DIGITS });
  }

  return (expression) => {
    const evaluated = evaluate(expression);
    // Of several statements, the last one's value.
    const value = isResultSet(evaluated) ? evaluated.entries.at(-1) : evaluated;
    if (typeof value === 'function') throw new Error('The result is a function: call it');
    const text = format(value, digits);
    if (text.length > LONGEST_RESULT) throw new Error(`The result has ${text.length} characters, which is too long`);
    return text;
  };
})();
