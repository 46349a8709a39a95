/** `column op ?`, or `column op literal`. */
export interface Condition {
  readonly column: string;
  readonly op: '=' | '>=' | '<=' | '>' | '<' | 'IN';
  readonly value: Value;
}

/** Place of a bound value among the parameters, or a number written in the statement. */
export type Value = { readonly param: number } | { readonly literal: unknown };

export type Statement =
  | {
      readonly type: 'select';
      readonly table: string;
      readonly columns: readonly Selected[];
      readonly distinct: boolean;
      readonly where: readonly Condition[];
      /**
       * `ORDER BY column ASC`: the first rows first, also where the table has the last ones first.
       */
      readonly isAscending: boolean;
      readonly limit: number;
    }
  | {
      readonly type: 'insert' | 'update';
      readonly table: string;
      readonly set: readonly Assignment[];
      readonly where: readonly Condition[];
      readonly guard: Guard | undefined;
      readonly timestamp: Value | undefined;
    }
  | {
      readonly type: 'delete';
      readonly table: string;
      /** None = the whole row, range or partition. */
      readonly columns: readonly string[];
      readonly where: readonly Condition[];
      readonly guard: Guard | undefined;
      readonly timestamp: Value | undefined;
    };

/** A column, or when it was written, and the name it comes back with. */
export interface Selected {
  readonly name: string;
  readonly column: string;
  readonly isWriteTime: boolean;
}

export interface Assignment {
  readonly column: string;
  readonly value: Value;
}

/** What an `IF` asks. */
export type Guard =
  | { readonly type: 'not exists' }
  | { readonly type: 'exists' }
  | { readonly type: 'equal'; readonly conditions: readonly Condition[] };

const cache = new Map<string, Statement>();

/**
 * Understands the CQL that the tables of `src/stores/cassandra` are written and read with; throws
 * at any other.
 */
export function parseCql(cql: string): Statement {
  let statement = cache.get(cql);
  if (statement === undefined) {
    statement = new CqlParser(cql).statement();
    cache.set(cql, statement);
  }
  return statement;
}

class CqlParser {
  readonly #cql: string;
  readonly #words: string[];
  #next = 0;
  #params = 0;

  constructor(cql: string) {
    this.#cql = cql;
    this.#words = cql.match(/[\w.]+|[<>]=?|=|\?|'[^']*'|[(),*]/g) ?? [];
  }

  statement(): Statement {
    const statement = this.#statement();
    this.#expectEnd();
    return statement;
  }

  #statement(): Statement {
    switch (this.#word().toUpperCase()) {
      case 'SELECT':
        return this.#select();
      case 'INSERT':
        return this.#insert();
      case 'UPDATE':
        return this.#update();
      case 'DELETE':
        return this.#delete();
      default:
        return this.#fail('an unknown statement');
    }
  }

  #select(): Statement {
    const distinct = this.#accept('DISTINCT');
    const columns: Selected[] = [];
    do columns.push(this.#selected());
    while (this.#accept(','));
    this.#expect('FROM');
    const table = this.#table();
    const where = this.#accept('WHERE') ? this.#conditions() : [];
    const isAscending = this.#accept('ORDER');
    if (isAscending) this.#ascending();
    const limit = this.#accept('LIMIT') ? Number(this.#word()) : Number.POSITIVE_INFINITY;
    if (this.#accept('ALLOW')) this.#expect('FILTERING');
    return { type: 'select', table, columns, distinct, where, isAscending, limit };
  }

  #ascending(): void {
    this.#expect('BY');
    this.#word();
    this.#expect('ASC');
  }

  #selected(): Selected {
    const isWriteTime = this.#accept('WRITETIME');
    if (isWriteTime) this.#expect('(');
    const column = this.#word();
    if (isWriteTime) this.#expect(')');
    return { name: this.#accept('AS') ? this.#word() : column, column, isWriteTime };
  }

  #insert(): Statement {
    this.#expect('INTO');
    const table = this.#table();
    this.#expect('(');
    const columns = this.#names(')');
    this.#expect('VALUES');
    this.#expect('(');
    const set = columns.map((column) => {
      const value = this.#value();
      this.#accept(',');
      return { column, value };
    });
    this.#expect(')');
    const guard = this.#guard();
    const timestamp = this.#timestamp();
    return { type: 'insert', table, set, where: [], guard, timestamp };
  }

  #update(): Statement {
    const table = this.#table();
    const timestamp = this.#timestamp();
    this.#expect('SET');
    const set: Assignment[] = [];
    do {
      const column = this.#word();
      this.#expect('=');
      set.push({ column, value: this.#value() });
    } while (this.#accept(','));
    this.#expect('WHERE');
    const where = this.#conditions();
    return { type: 'update', table, set, where, guard: this.#guard(), timestamp };
  }

  #delete(): Statement {
    const columns = this.#names('FROM');
    const table = this.#table();
    const timestamp = this.#timestamp();
    this.#expect('WHERE');
    const where = this.#conditions();
    return { type: 'delete', table, columns, where, guard: this.#guard(), timestamp };
  }

  #guard(): Guard | undefined {
    if (!this.#accept('IF')) return undefined;
    if (this.#accept('EXISTS')) return { type: 'exists' };
    if (this.#accept('NOT')) {
      this.#expect('EXISTS');
      return { type: 'not exists' };
    }
    return { type: 'equal', conditions: this.#conditions() };
  }

  #timestamp(): Value | undefined {
    if (!this.#accept('USING')) return undefined;
    this.#expect('TIMESTAMP');
    return this.#value();
  }

  #conditions(): Condition[] {
    const conditions: Condition[] = [];
    do {
      const column = this.#word();
      const op = this.#word() as Condition['op'];
      if (!['=', '>=', '<=', '>', '<', 'IN'].includes(op)) this.#fail(`operator ${op}`);
      conditions.push({ column, op, value: this.#value() });
    } while (this.#accept('AND'));
    return conditions;
  }

  #value(): Value {
    const word = this.#word();
    if (word === '?') return { param: this.#params++ };
    if (/^\d+$/.test(word)) return { literal: Number(word) };
    if (word.toLowerCase() === 'null') return { literal: null };
    if (word.startsWith("'")) return { literal: word.slice(1, -1) };
    return this.#fail(`value ${word}`);
  }

  /** Names up to and including the word `end`; none before FROM is none. */
  #names(end: string): string[] {
    const names: string[] = [];
    while (!this.#accept(end)) {
      names.push(this.#word());
      this.#accept(',');
    }
    return names;
  }

  /** Without its keyspace. */
  #table(): string {
    return this.#word().split('.').at(-1) ?? '';
  }

  #word(): string {
    return this.#words[this.#next++] ?? this.#fail('its end');
  }

  #accept(word: string): boolean {
    if (this.#words[this.#next]?.toUpperCase() !== word) return false;
    this.#next++;
    return true;
  }

  #expect(word: string): void {
    if (!this.#accept(word)) this.#fail(`${this.#words[this.#next]} instead of ${word}`);
  }

  #expectEnd(): void {
    if (this.#next < this.#words.length) this.#fail(this.#words[this.#next] ?? '');
  }

  #fail(what: string): never {
    throw new Error(`the model of Cassandra does not understand ${what} in: ${this.#cql}`);
  }
}
