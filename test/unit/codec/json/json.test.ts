import { expect } from 'chai';
import { parseJson, printJson } from '../../../../src/codec/json/json.ts';
import { mayHoldWideNumber } from '../../../../src/codec/json/json-text.ts';
import { toPlain } from '../../../../src/codec/json/plain-json.ts';
import { CodecError, InvalidInputError } from '../../../../src/model/errors.ts';
import type { JsonValue } from '../../../../src/model/payload.ts';
import { JsonNumber } from '../../../../src/model/payload.ts';

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

describe('parseJson: numbers (docs/format.md#numbers)', () => {
  it('keeps every digit of a number that a double cannot hold', () => {
    const json = parseJson('{"a":[9007199254740993,1],"b":{"c":0.12345678901234567}}');
    expect(json).to.deep.equal({
      a: [new JsonNumber('9007199254740993'), 1],
      b: { c: new JsonNumber('0.12345678901234567') },
    });
  });

  it('keeps a wide number wherever it stands', () => {
    const wide = '12345678901234567890';
    for (const text of [wide, ` ${wide}`, `-${wide}`, `[1,\n${wide}]`, `{"a" :\t${wide}}`]) {
      expect(printJson(parseJson(text)), text).to.include('12345678901234567890');
    }
    for (const text of ['1e400', '[1e400]', '{"a":1E400}', '{"a":-1.5e-400}', '[0,1e+400]']) {
      expect(printJson(parseJson(text)), text).to.match(/E[+-]400/);
    }
  });

  it('does not take digits inside strings for numbers', () => {
    const text = '{"id":"5a1f2f0e-3c1b-4c52-1e51-6a3f2a7d9b10","phone":"0123456789012345678"}';
    expect(parseJson(text)).to.deep.equal(JSON.parse(text));
  });

  it('does not leave the fast path for a UUID, a time or a short number', () => {
    const texts = [
      '{"id":"123e4567-e89b-12d3-a456-426614174000"}',
      '{"id":"5a1f2f0e-3c1b-4c52-1e51-6a3f2a7d9b10","at":1719999999999,"rate":12.5}',
      '{"at":"2026-01-02T03:04:05.678Z"}',
    ];
    for (const text of texts) expect(mayHoldWideNumber(text), text).to.equal(false);
  });

  it('finds a run of 16 digits at every place of a text', () => {
    for (let before = 0; before < 40; before++) {
      const text = `{"${'x'.repeat(before)}":1234567890123456}`;
      expect(mayHoldWideNumber(text), text).to.equal(true);
    }
  });
});

describe('parseJson: texts (docs/format.md#strings)', () => {
  it('accepts a byte-order mark and further values, and gives the first value', () => {
    expect(parseJson('\ufeff{"a":1}')).to.deep.equal({ a: 1 });
    expect(parseJson('{"a":1}{}')).to.deep.equal({ a: 1 });
    expect(parseJson('\ufeff[1] [2] ')).to.deep.equal([1]);
  });

  it('lets the last of equal member names count, on both paths', () => {
    expect(parseJson('{"a":1,"a":2}')).to.deep.equal({ a: 2 });
    expect(parseJson('{"a":1,"a":2,"b":1e400}')).to.deep.include({ a: 2 });
  });

  it('takes __proto__ for a name like any other, on both paths', () => {
    for (const text of ['{"__proto__":{"x":1}}', '{"__proto__":{"x":1e400}}']) {
      const json = parseJson(text) as object;
      expect(Object.keys(json)).to.deep.equal(['__proto__']);
      expect(Object.getPrototypeOf(json)).to.equal(Object.prototype);
      expect(Object.keys(toPlain(json as JsonValue) as object)).to.deep.equal(['__proto__']);
    }
  });

  it('accepts a lone surrogate as an escape', () => {
    expect(parseJson('"\\ud83d"')).to.equal('\ud83d');
    expect(parseJson('["\\ud83d",1e400]')).to.deep.equal(['\ud83d', new JsonNumber('1e400')]);
  });

  it('reads the same with its own reader as JSON.parse does', () => {
    const text =
      ' { "s" : "a\\"b\\\\\\u00e9\\n\u{1f600}" , "n" : [ 0 , -1.5 , 2e3 ] , "t":true,"f":false,"z":null, "e":{}, "l":[] } ';
    expect(parseJson(`[${text},1e400]`)).to.deep.equal([JSON.parse(text), new JsonNumber('1e400')]);
  });

  it('refuses what is no JSON, naming the place', () => {
    const broken = [
      '',
      ' ',
      '{',
      '[1,]',
      '{"a"}',
      '{a:1}',
      '"a',
      '"\u0001"',
      'nul',
      '{} x',
      '1 2,',
    ];
    broken.push('[1}', '{"a":1,}', '\ufeff', '{"a":1e400', '[1e400,]', '"\\x"', 'undefined', '{}]');
    for (const text of broken)
      expect(() => parseJson(text), text).to.throw(CodecError, /number|at character/);
  });

  it('reads 1,200 levels and refuses 1,400 with a typed error, on both paths', () => {
    const wide = (levels: number): string => nested(levels).replace('[]', '[1e400]');
    expect(printJson(parseJson(nested(1200)))).to.equal(nested(1200));
    expect(parseJson(wide(1200))).to.be.an('array');
    for (const levels of [1400, 100_000]) {
      expect(() => parseJson(nested(levels)), String(levels)).to.throw(CodecError, /deeper/);
      expect(() => parseJson(wide(levels)), String(levels)).to.throw(CodecError, /deeper/);
      expect(() => parseJson('['.repeat(levels)), String(levels)).to.throw(CodecError);
      expect(() => parseJson('{"a":'.repeat(levels)), String(levels)).to.throw(CodecError);
    }
  });

  it('does not count brackets inside strings as levels', () => {
    const brackets = '[{'.repeat(2000);
    for (const start of ['', '"', '\\', '\\"', '\\\\', '\\\\"', '\\\\\\"']) {
      const text = JSON.stringify([start + brackets]);
      expect(parseJson(text), text.slice(0, 20)).to.deep.equal([start + brackets]);
    }
  });

  it('does not count brothers as levels', () => {
    const text = `[${'{},'.repeat(5000)}{}]`;
    expect(parseJson(text)).to.have.length(5001);
  });
});

describe('parseJson: the order of members (docs/format.md#strings)', () => {
  const reprinted = (text: string): string => printJson(parseJson(text));

  it('is kept when names are whole numbers', () => {
    const texts = ['{"10":1,"2":2}', '{"b":1,"7":{"3":1,"0":2},"a":2}', '[[{"a":0,"0":1}]]'];
    texts.push('{"1":1,"2":2}', '{"01":1,"1":2,"-1":3,"0":4}', '{"4294967295":1,"4294967294":2}');
    for (const text of texts) expect(reprinted(text)).to.equal(text);
  });

  it('is kept beside numbers that a double cannot hold', () => {
    const text = '{"10":12345678901234567890,"2":1E+400,"x":[{"1":1,"0":0}]}';
    expect(reprinted(text)).to.equal(text);
  });

  it('is kept for __proto__ and for the empty name', () => {
    const text = '{"":1,"__proto__":{"5":1,"4":2},"0":{"__proto__":1,"":2}}';
    expect(reprinted(text)).to.equal(text);
  });

  it('is that of the first of equal names, with the value of the last', () => {
    expect(reprinted('{"a":1,"b":2,"a":3}')).to.equal('{"a":3,"b":2}');
    expect(reprinted('{"10":1,"2":2,"10":3}')).to.equal('{"10":3,"2":2}');
  });

  it('is kept whatever the white space and the escapes', () => {
    expect(reprinted(' { "10"\n:1 , "2" :2}')).to.equal('{"10":1,"2":2}');
    expect(reprinted('{"\\u00310":1,"\\u0032":2}')).to.equal('{"10":1,"2":2}');
    expect(reprinted('{"10":1,"2":2}{}')).to.equal('{"10":1,"2":2}');
  });

  it('is kept by every part of what was read', () => {
    const json = parseJson('{"payload":{"10":[{"b":1,"1":2}],"2":0}}') as { payload: JsonValue };
    expect(printJson(json.payload)).to.equal('{"10":[{"b":1,"1":2}],"2":0}');
    expect(printJson([json])).to.equal('[{"payload":{"10":[{"b":1,"1":2}],"2":0}}]');
  });

  it('loses nothing of an object that was changed after it was read', () => {
    const json = parseJson('{"10":1,"2":2,"a":3}') as Record<string, number>;
    json['1'] = 4;
    expect(printJson(json)).to.equal('{"1":4,"2":2,"10":1,"a":3}');
    delete json['2'];
    expect(printJson(json)).to.equal('{"1":4,"10":1,"a":3}');
  });
});

describe('printJson (docs/format.md#strings)', () => {
  it('prints numbers as the JVM does, however deep', () => {
    const value: JsonValue = { a: [1e21, 1e-7, new JsonNumber('1.10'), -0], b: 12.5 };
    expect(printJson(value)).to.equal('{"a":[1E+21,1E-7,1.1,0],"b":12.5}');
    expect(printJson(1e20)).to.equal('1E+20');
    expect(printJson(new JsonNumber('1.10'))).to.equal('1.1');
    expect(printJson([100000000000000000000])).to.equal('[1E+20]');
  });

  it('keeps an object that looks like a JsonNumber', () => {
    expect(printJson({ text: '12' })).to.equal('{"text":"12"}');
  });

  it('escapes controls and DEL, and nothing that is not ASCII', () => {
    expect(printJson('\b\f\n\r\t\u001f\u007f\u0080é\u2028😀')).to.equal(
      '"\\b\\f\\n\\r\\t\\u001f\\u007f\u0080é\u2028😀"',
    );
    expect(printJson({ '\x7f': '\x7f"' })).to.equal('{"\\u007f":"\\u007f\\""}');
  });

  it('escapes all surrogates of a document that holds a lone one, in upper case', () => {
    expect(printJson(['😀', '\ud83d'])).to.equal('["\\uD83D\\uDE00","\\uD83D"]');
    expect(printJson({ '\udc00a': 'x\ud800"\ud800\udc00y' })).to.equal(
      '{"\\uDC00a":"x\\uD800\\"\\uD800\\uDC00y"}',
    );
    expect(printJson(['\\ud83d', '😀'])).to.equal('["\\\\ud83d","😀"]');
  });

  it('leaves members without value out', () => {
    const value = { a: undefined, b: 1e30 } as unknown as JsonValue;
    expect(printJson(value)).to.equal('{"b":1E+30}');
  });

  it('refuses what JSON cannot hold with a typed error', () => {
    const circular: { self?: unknown } = {};
    circular.self = circular;
    const values: unknown[] = [
      undefined,
      1n,
      () => 1,
      circular,
      { a: 1n },
      [undefined],
      Number.NaN,
    ];
    values.push([Number.NaN], { a: new Map() }, [new Date(0)], { f: () => 1 }, { toJSON: () => 1 });
    values.push([new JsonNumber('x')]);
    for (const value of values) {
      expect(() => printJson(value as JsonValue)).to.throw(InvalidInputError);
    }
    const deep = JSON.parse(nested(1400)) as JsonValue;
    expect(() => printJson(deep)).to.throw(InvalidInputError, /1300 levels/);
    expect(() => printJson([deep, 1e30])).to.throw(InvalidInputError, /1300 levels/);
  });
});

describe('toPlain', () => {
  it('gives the same object when there is nothing to convert', () => {
    for (const text of ['{"a":[1,2]}', '{"a":1234567890.123456}', '{"s":"12345678901234567890"}']) {
      const json = parseJson(text);
      expect(toPlain(json)).to.equal(json);
    }
  });

  it('gives ordinary numbers, and leaves the value that was read as it is', () => {
    const json = parseJson('{"a":[9007199254740993,{"b":1e400}],"c":{"d":1}}') as { c: JsonValue };
    expect(toPlain(json)).to.deep.equal({
      a: [9007199254740992, { b: Infinity }],
      c: { d: 1 },
    });
    expect((json as unknown as { a: unknown[] }).a[0]).to.deep.equal(
      new JsonNumber('9007199254740993'),
    );
    expect((toPlain(json) as { c: unknown }).c).to.equal(json.c);
  });

  it('gives ordinary objects, which a program may change and write', () => {
    const json = parseJson('{"10":{"b":1,"1":2},"2":2}');
    const plain = toPlain(json) as Record<string, unknown>;
    expect(plain).to.deep.equal({ 2: 2, 10: { 1: 2, b: 1 } });
    plain['1'] = 1;
    delete plain['10'];
    expect(printJson(plain as JsonValue)).to.equal('{"1":1,"2":2}');
    expect(printJson(json)).to.equal('{"10":{"b":1,"1":2},"2":2}');
  });

  it('works on a part of what was read', () => {
    const json = parseJson('[[12345678901234567891]]') as readonly JsonValue[];
    expect(toPlain(json[0] ?? null)).to.deep.equal([Number('12345678901234567891')]);
  });
});
