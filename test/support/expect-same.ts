import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';

/**
 * As `deep.equal` of chai, whose comparison costs most of the time of a test with 100,000 cases.
 */
export function expectSame(actual: unknown, expected: unknown, place: () => string): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual, place()).to.deep.equal(expected);
}
