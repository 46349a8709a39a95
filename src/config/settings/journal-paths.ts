/** Where the settings of the Kafka plugin, and so its defaults, are by convention. */
export const kafkaJournalPath = 'evolutiongaming.kafka-journal.persistence.journal';

/** The same of the embedded plugin. */
export const embeddedJournalPath = 'evolutiongaming.kafka-journal.embedded.journal';
