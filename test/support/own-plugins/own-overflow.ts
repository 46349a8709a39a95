import type {
  StashOverflow,
  StashOverflowContext,
  StashOverflowStrategy,
} from '../../../src/index.ts';

/** Every one that was made, in order. */
export const made: OwnOverflow[] = [];

/** Answers by the type of the command. */
export class OwnOverflow implements StashOverflowStrategy {
  readonly context: StashOverflowContext;
  readonly seen: StashOverflow[] = [];

  constructor(context: StashOverflowContext) {
    this.context = context;
    made.push(this);
  }

  onOverflow(overflow: StashOverflow) {
    this.seen.push(overflow);
    if (overflow.command.type === 'final') return 'fail' as const;
    return new Error(this.context.config.getString('my.refusal'));
  }
}

export const configurator = { create: (context: StashOverflowContext) => new OwnOverflow(context) };
export default (context: StashOverflowContext) => new OwnOverflow(context);
export const noStrategy = () => ({ overflow: 'drop' });
export const number = 5;
export const throwing = () => {
  throw new Error('no such table');
};
