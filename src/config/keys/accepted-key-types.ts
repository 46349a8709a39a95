/** Keys of the JVM system that are accepted and have no effect in Node. */
export interface AcceptedKeys {
  /** The kind of section they are in. */
  readonly section: SectionKind;
  /** Relative to the section; `*` is one element, a closing `.**` everything inside. */
  readonly keys: readonly string[];
  /** Why it has no effect, to follow the key in a note. */
  readonly why: string;
  /** It is to have an effect one day. */
  readonly isPromised: boolean;
}

export type SectionKind =
  | 'root'
  | 'persistence'
  | 'journal plugin'
  | 'embedded'
  | 'replicator'
  | 'kafka'
  | 'kafka producer'
  | 'kafka consumer'
  | 'cassandra'
  | 'postgres'
  | 'sqlite';
