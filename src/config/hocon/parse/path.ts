import { limits } from '../limits.ts';
import { hoconError, type Origin } from '../origin.ts';
import { type Token, tokenize } from './tokens.ts';

/**
 * The path that a key or the inside of `${…}` names: elements are separated by periods outside of
 * quotes.
 *
 * @throws {ConfigError} for an empty path or element, and for tokens a path cannot hold
 */
export function parsePath(tokens: readonly Token[], origin: Origin): readonly string[] {
  const elements = [{ text: '', mayBeEmpty: false }];
  if (tokens.length === 0) throw hoconError('a path is expected here', origin);
  for (const token of tokens) addToken(elements, token, origin);
  for (const { text, mayBeEmpty } of elements) {
    if (text === '' && !mayBeEmpty)
      throw hoconError('a path element is empty; write "" if that is meant', origin);
  }
  if (elements.length > limits.nesting)
    throw hoconError(`the path is longer than ${limits.nesting} elements`, origin);
  return elements.map(({ text }) => text);
}

/** The path written in `text`, as `Config` takes it. */
export function pathOf(text: string): readonly string[] {
  if (/^[\w-]+(?:\.[\w-]+)*$/.test(text)) return text.split('.');
  const origin = { file: undefined, line: undefined };
  return parsePath(
    tokenize(text).filter(({ type }) => type !== 'end'),
    origin,
  );
}

interface Element {
  text: string;
  mayBeEmpty: boolean;
}

function addToken(elements: Element[], token: Token, origin: Origin): void {
  const last = elements.at(-1) ?? { text: '', mayBeEmpty: false };
  if (token.type === 'quoted') {
    last.text += token.text;
    if (last.text === '') last.mayBeEmpty = true;
    return;
  }
  if (token.type !== 'unquoted' && token.type !== 'literal') {
    throw hoconError(
      `${describeToken(token)} cannot be part of a path unless it is quoted`,
      origin,
    );
  }
  const [first = '', ...rest] = token.text.split('.');
  last.text += first;
  for (const text of rest) elements.push({ text, mayBeEmpty: false });
}

/** The token as a message shows it. */
export function describeToken(token: Token): string {
  if (token.type === 'end') return 'the end of the text';
  if (token.type === 'newline') return 'the end of the line';
  if (token.type === 'substitution') return 'a substitution';
  if (token.type === 'problem') return token.message;
  return `'${token.text.length > 60 ? `${token.text.slice(0, 60)}…` : token.text}'`;
}
