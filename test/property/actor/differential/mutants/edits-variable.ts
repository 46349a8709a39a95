/** Holds the edits of the mutant that a process is, as JSON. */
export const editsVariable = 'KAFKA_JOURNAL_DIFFERENTIAL_EDITS';
