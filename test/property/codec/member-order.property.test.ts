import { expect } from 'chai';
import fc from 'fast-check';
import { parseJson, printJson } from '../../../src/codec/json/json.ts';
import { toPlain } from '../../../src/codec/json/plain-json.ts';
import { decodeEvents } from '../../../src/codec/record/events-codec.ts';
import { toStoredPayload } from '../../../src/codec/stored-payload-codec.ts';
import { seed } from './seed.ts';

/** A document as the writer wrote it; members in their order, names perhaps twice. */
type Tree = string | readonly Tree[] | { readonly members: readonly (readonly [string, Tree])[] };

const runs = { seed, numRuns: 500 };
const memberName = fc.oneof(
  fc.nat({ max: 12 }).map(String),
  fc.constantFrom('4294967294', '4294967295', '9007199254740993', '01', '-1', '1.5', ' 1', '1e3'),
  fc.constantFrom('', '__proto__', 'constructor', 'toJSON', 'length', 'a', 'b:"1":'),
  fc.string(),
);
const scalar = fc.constantFrom('null', 'true', '1', '-1.5', '"1"', '"\\"1\\":"', '[]', '{}');
const wideScalar = fc.constantFrom('12345678901234567890', '1E+400', '1E-7');

function tree(leaf: fc.Arbitrary<string>): fc.Arbitrary<Tree> {
  return fc.letrec<{ tree: Tree }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.array(tie('tree'), { maxLength: 3 }),
      fc.array(fc.tuple(memberName, tie('tree')), { maxLength: 6 }).map((members) => ({ members })),
    ),
  })).tree;
}
const trees = fc.oneof(tree(scalar), tree(fc.oneof(scalar, wideScalar)));

describe(`property: the order of members (seed ${seed})`, function () {
  this.timeout(30_000);

  it('is the same when a text is read and printed', () => {
    const law = fc.property(trees, (written) => {
      const text = canonical(written);
      expect(printJson(parseJson(text))).to.equal(text);
    });
    fc.assert(law, runs);
  });

  it('is that of the first of equal names, whatever the white space and the escapes', () => {
    const law = fc.property(trees, fc.constantFrom('', ' ', '\n\t'), (written, space) => {
      expect(printJson(parseJson(loose(written, space)))).to.equal(canonical(written));
    });
    fc.assert(law, runs);
  });

  it('is the same in the store as in the log', () => {
    const payload = trees.filter((written) => written !== 'null');
    const law = fc.property(payload, (written) => {
      const text = canonical(written);
      const value = `{"events":[{"seqNr":1,"tags":[],"payload":${text}}],"metadata":{"data":${text}}}`;
      const { events, metadata } = decodeEvents('json', Buffer.from(value));
      expect(toStoredPayload(events[0].payload).text).to.equal(text);
      expect(printJson(metadata.data ?? null)).to.equal(text);
    });
    fc.assert(law, runs);
  });

  it('does not make other values of what actors receive', () => {
    const law = fc.property(tree(scalar), (written) => {
      const text = canonical(written);
      const received = toPlain(parseJson(text));
      expect(received).to.deep.equal(JSON.parse(text));
      expect(JSON.stringify(received)).to.equal(JSON.stringify(JSON.parse(text)));
    });
    fc.assert(law, runs);
  });
});

/** As the JVM prints what it read: of equal names the last value in the place of the first. */
function canonical(written: Tree): string {
  if (typeof written === 'string') return written;
  if (!('members' in written)) return `[${written.map(canonical).join(',')}]`;
  const members = [...new Map(written.members)];
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${canonical(value)}`).join(',')}}`;
}

/**
 * The same with white space, digits of names escaped, and each member as often as it was written.
 */
function loose(written: Tree, space: string): string {
  if (typeof written === 'string') return written;
  const join = (parts: readonly string[]): string => parts.join(`${space},`);
  if (!('members' in written)) return `[${join(written.map((item) => loose(item, space)))}]`;
  const members = written.members.map(([name, value]) => {
    const escaped = JSON.stringify(name).replace(/^"(\d)/, (_, digit: string) => `"\\u003${digit}`);
    return `${escaped}${space}:${loose(value, space)}`;
  });
  return `${space}{${join(members)}${space}}`;
}
