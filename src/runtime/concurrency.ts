// TODO of the merge: importers name `waiting.ts`, and this file goes.
export { settleBoth, unlessAborted } from './waiting.ts';
