/** Names the mutant that a process is. */
export const mutantVariable = 'KAFKA_JOURNAL_SIMULATION_MUTANT';
