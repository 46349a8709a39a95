import type { EventObject } from 'xstate';
import { goldenEvents } from '../support/golden-events.ts';

interface Paid extends EventObject {
  readonly euros?: number;
  readonly cents?: number;
}

describe('golden: stored events of every version (docs/evolution.md)', () => {
  goldenEvents(new URL('./events/', import.meta.url), [
    {
      type: 'paid',
      from: 1,
      to: 2,
      up: ({ type, euros = 0 }: Paid): Paid => ({ type, cents: euros * 100 }),
    },
    {
      type: 'paid',
      from: 2,
      to: 3,
      up: (paid: Paid) => [paid, { type: 'receipt.due' }],
    },
  ]);
});
