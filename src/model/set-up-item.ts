/** One thing that setting up a store made, changed or found. */
export interface SetUpItem {
  /** What it is and its name: `table journal.metajournal`. */
  readonly name: string;
  readonly state: 'created' | 'changed' | 'exists';
}
