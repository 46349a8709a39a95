import { InvalidInputError, JournalError } from '../../model/errors.ts';
import { JsonNumber } from '../../model/payload.ts';
import { className, type StoredForm } from '../../model/stored-form.ts';
import { isWithinDigits, maxExactDigits, printNumber } from './json-number.ts';
import { maxDepth, mayHoldWideNumber } from './json-text.ts';
import { copyOrder, namesOf } from './member-order.ts';
import { parsePlainJson } from './plain-json.ts';

/**
 * Longest text of one value: as much as the embedded log takes. Objects that stand in each other
 * often make a text that has no end; an object counts for as much as it takes of memory while it is
 * printed.
 */
const maxTextLength = 64 * 1024 * 1024;
const objectLength = 16;
const otherLength = 4;

/** What a caller's value has to be, beyond what JSON asks of it. */
export interface ValueRules {
  /** Name of the value in errors: `event`, as in `event.items[3].at`. */
  readonly name: string;
  /** Levels of arrays and objects that it may have; as many as a document unless given. */
  readonly maxLevels?: number;
  /** Numbers that printing would round are refused: what is written must come back the same. */
  readonly exact?: boolean;
  /** A `JsonNumber` is refused: actors get ordinary numbers back. */
  readonly plainNumbers?: boolean;
}

/**
 * Prints a value as the JVM does, and proves that reading gives it back. Members that are
 * `undefined` are left out, -0 is 0. Lone surrogates are left raw; the document as a whole decides
 * how they are escaped.
 *
 * Fast path: the engine's printer, for values of ordinary size of which it loses nothing, when it
 * spells the text as the JVM does.
 *
 * @throws {InvalidInputError} when JSON would lose something; `path` says where
 */
export function printValue(value: unknown, rules: ValueRules): string {
  const copy = new PrintedCopy(rules.maxLevels ?? maxDepth);
  const copied = copy.of(value);
  if (copied !== undefined && copy.isPlain) {
    const text = JSON.stringify(copied);
    if (isSpeltAlike(text)) return text;
  }
  const printer = new ValuePrinter(rules);
  try {
    return printer.print(copied ?? value, 0);
  } catch (error) {
    if (error instanceof JournalError) throw error;
    // A getter or a proxy of the caller's that throws.
    throw printer.refusal('cannot be read', { cause: error });
  }
}

/**
 * What {@link printValue} prints of a stored form: its JSON, as long as nothing is in it that the
 * JVM spells otherwise. The value needs no second look, since it has none of what is refused,
 * except for the length.
 *
 * @throws {InvalidInputError} when it makes the text too large
 */
export function printStoredForm({ json, value }: StoredForm<object>, rules: ValueRules): string {
  if (json === undefined) return printValue(value, rules);
  const isShort = json.length * objectLength <= maxTextLength;
  return isShort && isSpeltAlike(json) ? json : printValue(parsePlainJson(json), rules);
}

/** Whether the JVM spells a text of the engine's printer in the same way. A "no" may be wrong. */
function isSpeltAlike(text: string): boolean {
  // The engine's printer escapes lone surrogates as `\ud800`.
  return !mayHoldWideNumber(text) && !text.includes('\x7f') && !text.includes('\\ud');
}

/** Length of the texts in a value up to which it is copied before it is printed. */
const maxCopiedLength = 1024 * 1024;

/**
 * A copy of an object to print: a getter or a proxy may give something else the second time, so
 * each member is read once, and what was looked at is what is printed.
 */
class PrintedCopy {
  #room = maxCopiedLength;
  readonly #maxLevels: number;
  /** The engine's printer loses nothing of it. */
  isPlain = true;

  constructor(maxLevels: number) {
    this.#maxLevels = maxLevels;
  }

  /** `undefined` for what is no object, is too large to be copied, or cannot be printed. */
  of(value: unknown): object | undefined {
    if (typeof value !== 'object' || value === null) return undefined;
    try {
      return this.#object(value, this.#maxLevels);
    } catch {
      // A member cannot be read. The printer meets it again and names its place.
      return undefined;
    }
  }

  #object(value: object, levels: number): object | undefined {
    this.#room -= objectLength;
    if (levels === 0 || this.#room < 0) return undefined;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === Object.prototype) return this.#members(value, levels - 1);
    if (prototype === Array.prototype && Array.isArray(value)) {
      return this.#items(value, levels - 1);
    }
    if (value instanceof JsonNumber) {
      this.isPlain = false;
      return value;
    }
    const isPlainObject = prototype === null || isObjectPrototype(prototype);
    return isPlainObject ? this.#members(value, levels - 1) : undefined;
  }

  #members(value: object, levels: number): object | undefined {
    const members: Record<string, unknown> = { ...value };
    if (Object.getOwnPropertySymbols(members).length > 0) return undefined;
    if (copyOrder(value, members)) this.isPlain = false;
    for (const name in members) {
      const member = members[name];
      if (typeof member === 'object' && member !== null) {
        const copy = this.#object(member, levels);
        if (copy === undefined) return undefined;
        members[name] = copy;
      } else if (member !== undefined && !this.#isPrintable(member)) return undefined;
    }
    return members;
  }

  #items(value: readonly unknown[], levels: number): object | undefined {
    if (Reflect.ownKeys(value).length > value.length + 1) return undefined;
    const items: unknown[] = [...value];
    for (const [index, item] of items.entries()) {
      if (typeof item === 'object' && item !== null) {
        const copy = this.#object(item, levels);
        if (copy === undefined) return undefined;
        items[index] = copy;
      } else if (!this.#isPrintable(item)) return undefined;
    }
    return items;
  }

  #isPrintable(value: unknown): boolean {
    this.#room -= otherLength;
    if (typeof value === 'string') {
      this.#room -= value.length;
      return this.#room >= 0;
    }
    if (typeof value === 'number') return Number.isFinite(value);
    return value === null || typeof value === 'boolean';
  }
}

/** A JSON string as the JVM writes it, lone surrogates left raw. */
export function printString(text: string): string {
  // Up to here a look at the characters costs less than a call of the engine's printer.
  if (text.length < 40 && ordinary.test(text)) return `"${text}"`;
  const plain = JSON.stringify(text);
  let quoted = plain;
  if (plain.length !== text.length + 2 && !text.isWellFormed()) {
    // Runs alternate: ordinary text, surrogates, ordinary text.
    const runs = text.split(surrogates);
    const inside = runs.map((run, index) =>
      index % 2 === 1 ? run : JSON.stringify(run).slice(1, -1),
    );
    quoted = `"${inside.join('')}"`;
  }
  return text.includes('\x7f') ? quoted.replaceAll('\x7f', '\\u007f') : quoted;
}

/** ASCII without what JSON escapes and without DEL. */
const ordinary = /^[ !#-[\]-~]*$/;
const surrogates = /([\ud800-\udfff]+)/;

/** Programs have few names and write them often: `"name":`, as far as they are short. */
const printedNames = new Map<string, string>();
const maxNames = 1_000;
const maxNameLength = 40;

function printName(name: string): string {
  const known = printedNames.get(name);
  if (known !== undefined) return known;
  const printed = `${printString(name)}:`;
  if (name.length > maxNameLength) return printed;
  if (printedNames.size >= maxNames) printedNames.clear();
  printedNames.set(name, printed);
  return printed;
}

class ValuePrinter {
  readonly #rules: ValueRules;
  readonly #maxLevels: number;
  /** The object on each level that is open, and the member of it that is being printed. */
  readonly #open: object[] = [];
  readonly #path: (string | number)[] = [];
  /** How much of the path leads to what is being printed. */
  #levels = 0;
  #length = 0;

  constructor(rules: ValueRules) {
    this.#rules = rules;
    this.#maxLevels = rules.maxLevels ?? maxDepth;
  }

  print(value: unknown, level: number): string {
    switch (typeof value) {
      case 'string':
        this.#count(value.length + otherLength);
        return printString(value);
      case 'number':
        this.#count(otherLength);
        if (Number.isFinite(value)) return printNumber(value);
        throw this.refusal(`is ${value}, which JSON cannot hold`);
      case 'boolean':
        return value ? 'true' : 'false';
      case 'object':
        return value === null ? 'null' : this.#object(value, level);
      case 'undefined':
        throw this.refusal('is undefined, which JSON cannot hold');
      case 'bigint':
      case 'symbol':
      case 'function':
        throw this.refusal(`is a ${typeof value}, which JSON cannot hold`);
    }
  }

  #count(length: number): void {
    this.#length += length;
    if (this.#length > maxTextLength) throw this.refusal('makes the text too large');
  }

  #object(value: object, level: number): string {
    this.#count(objectLength);
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && value instanceof JsonNumber) return this.#number(value);
    this.#open[level] = value;
    if (level >= this.#maxLevels) throw this.#tooDeep();
    if (prototype === Object.prototype) return this.#members(value, level);
    if (Array.isArray(value)) {
      // One of this or another realm, rather than of a class made of it.
      const isOrdinary =
        prototype === Array.prototype || isObjectPrototype(Object.getPrototypeOf(prototype));
      if (isOrdinary) return this.#items(value, level);
    }
    if (prototype === null || isObjectPrototype(prototype)) return this.#members(value, level);
    const what = value instanceof Date ? 'a Date' : `an instance of ${className(value)}`;
    throw this.refusal(`is ${what}, which JSON cannot hold`);
  }

  #items(items: readonly unknown[], level: number): string {
    const { length } = items;
    // Its items and its length; holes are found below.
    if (Reflect.ownKeys(items).length > length + 1) {
      throw this.refusal('is an array with members beside its items, which JSON cannot hold');
    }
    let text = '[';
    for (let index = 0; index < length; index++) {
      this.#path[level] = index;
      this.#levels = level + 1;
      const item = this.print(items[index], level + 1);
      text += index === 0 ? item : `,${item}`;
    }
    return `${text}]`;
  }

  #members(members: object, level: number): string {
    if (Object.getOwnPropertySymbols(members).length > 0)
      throw this.refusal('has a member whose name is a symbol, which JSON cannot hold');
    let text = '{';
    let separator = '';
    for (const name of namesOf(members)) {
      this.#path[level] = name;
      this.#levels = level + 1;
      const member = (members as Readonly<Record<string, unknown>>)[name];
      if (member === undefined) continue;
      text += separator + printName(name) + this.print(member, level + 1);
      separator = ',';
    }
    return `${text}}`;
  }

  #number(value: JsonNumber): string {
    if (this.#rules.plainNumbers === true)
      throw this.refusal('is a JsonNumber, which would come back as a number');
    let text: string;
    try {
      text = printNumber(value);
    } catch (cause) {
      throw this.refusal('is a JsonNumber that holds no JSON number', { cause });
    }
    if (this.#rules.exact !== true || isWithinDigits(value)) return text;
    throw this.refusal(`is a number of more than ${maxExactDigits} digits, which would be rounded`);
  }

  #tooDeep(): InvalidInputError {
    const open = this.#open;
    const again = open.findIndex((object, index) => open.indexOf(object) < index);
    this.#levels = again === -1 ? 0 : again;
    return this.refusal(
      again === -1
        ? `has more than ${this.#maxLevels} levels`
        : 'is an object that it stands in: a circular reference',
    );
  }

  /** What is wrong with the value that is being printed. */
  refusal(what: string, options?: ErrorOptions): InvalidInputError {
    let path = this.#rules.name;
    for (const step of this.#path.slice(0, this.#levels)) {
      if (typeof step === 'number') path += `[${step}]`;
      else path += identifier.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`;
    }
    return new InvalidInputError(`${path} ${what}`, { ...options, path });
  }
}

const identifier = /^[A-Za-z_$][\w$]*$/;

/** That of object literals, of this or another realm. */
function isObjectPrototype(value: unknown): boolean {
  if (value === Object.prototype) return true;
  return (
    value !== null &&
    Object.getPrototypeOf(value) === null &&
    Object.hasOwn(value as object, 'hasOwnProperty')
  );
}
