import { expect } from 'chai';
import { integerOf, printNumber, readNumber } from '../../../../src/codec/json/json-number.ts';
import { CodecError, InvalidInputError } from '../../../../src/model/errors.ts';
import { JsonNumber } from '../../../../src/model/payload.ts';

const wide = (text: string): JsonNumber => new JsonNumber(text);

describe('readNumber (docs/format.md#numbers)', () => {
  it('gives a number where a double holds the decimal value', () => {
    const cases = {
      '0.1': 0.1,
      '1.10': 1.1,
      '1e2': 100,
      '-5E-3': -0.005,
      '9007199254740994': 2 ** 53 + 2,
    };
    for (const [token, value] of Object.entries(cases)) expect(readNumber(token)).to.equal(value);
  });

  it('keeps the digits where a double would lose some', () => {
    const tokens = [
      '9007199254740993',
      '9223372036854775807',
      '0.12345678901234567890',
      '1e400',
      '1e-400',
      '1.00000000000000000001',
    ];
    for (const token of tokens) expect(readNumber(token)).to.deep.equal(wide(token));
  });

  it('takes 310 digits, with a sign or point 309, and no more', () => {
    const ones = (count: number): string => '1'.repeat(count);
    for (const token of [ones(310), `-${ones(309)}`, `0.${ones(308)}`, `${ones(309)}e10`]) {
      expect(readNumber(token), token).to.be.instanceOf(JsonNumber);
    }
    for (const token of [ones(311), `-${ones(310)}`, `0.${ones(309)}`, `${ones(310)}e1`]) {
      expect(() => readNumber(token), token).to.throw(CodecError, /310 digits/);
    }
  });

  it('takes a scale of 6178 either way, counted after rounding to 34 digits, and no more', () => {
    const nines = '9'.repeat(34);
    const taken = ['1e6178', '1e-6178', '1.5e6179', '1.5e-6177', '12e6178', `${nines}9e6176`];
    for (const token of taken) expect(readNumber(token), token).to.be.instanceOf(JsonNumber);
    expect(readNumber('0e6178')).to.equal(0);
    const refused = ['1e6179', '1e-6179', '1.5e6180', '1.5e-6178', '0e6179', `${nines}9e6177`];
    for (const token of [...refused, `1e${'9'.repeat(30)}`]) {
      expect(() => readNumber(token), token).to.throw(CodecError, /6178/);
    }
  });

  it('refuses what is no JSON number', () => {
    for (const token of ['', '-', '01', '1.', '.5', '+1', '1e', '0x1', 'NaN', '--1', '1e+']) {
      expect(() => readNumber(token), token).to.throw(CodecError);
    }
  });
});

describe('printNumber (docs/format.md#numbers)', () => {
  const printed: Record<string, string> = {
    '1.10': '1.1',
    '1.0': '1',
    '0.0000001': '1E-7',
    '0.000001': '0.000001',
    '0.00000123': '0.00000123',
    '0.000000123': '1.23E-7',
    '-0.0': '0',
    '0e5': '0',
    '1e2': '100',
    '1e19': '10000000000000000000',
    '1e20': '1E+20',
    '1.5e20': '1.5E+20',
    '1e30': '1E+30',
    '-12e-9': '-1.2E-8',
    '123456789012345678901234567890.5': '123456789012345678901234567890.5',
    '9223372036854775807': '9223372036854775807',
    '1234567890123456789012345678901234': '1234567890123456789012345678901234',
    // Rounded to 34 digits, half to even.
    '12345678901234567890123456789012345': '1.234567890123456789012345678901234E+34',
    '12345678901234567890123456789012355': '1.234567890123456789012345678901236E+34',
    '123456789012345678901234567890123451': '1.234567890123456789012345678901235E+35',
    '0.99999999999999999999999999999999999': '1',
  };
  for (const [token, text] of Object.entries(printed)) {
    it(`prints ${token} as ${text}`, () => {
      expect(printNumber(wide(token))).to.equal(text);
      expect(printNumber(readNumber(token))).to.equal(text);
    });
  }

  it('prints an ordinary number as its shortest decimal', () => {
    expect([0, -0, 1.5, 1e21, 5e-324, 2 ** 53, 1e-7].map(printNumber)).to.deep.equal([
      '0',
      '0',
      '1.5',
      '1E+21',
      '5E-324',
      '9007199254740992',
      '1E-7',
    ]);
  });

  it('refuses what is no number', () => {
    for (const value of [Number.NaN, Infinity, wide('1; drop'), wide('')]) {
      expect(() => printNumber(value)).to.throw(InvalidInputError);
    }
  });
});

describe('integerOf (docs/format.md#sequence-numbers)', () => {
  it('knows an integer in any spelling', () => {
    const spellings = ['9223372036854775807', '9223372036854775807.000', '922337203685477580.7e1'];
    for (const token of spellings) expect(integerOf(wide(token))).to.equal(2n ** 63n - 1n);
    expect(integerOf(wide('-1e20'))).to.equal(-(10n ** 20n));
    expect(integerOf(7)).to.equal(7n);
  });

  it('knows a fraction from an integer', () => {
    expect(integerOf(wide('1.00000000000000000001'))).to.equal(undefined);
    expect(integerOf(1.5)).to.equal(undefined);
  });
});
