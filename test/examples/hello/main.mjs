// Counts in an actor whose events outlive the process: node main.mjs, and again.
import { createPersistence, isReady } from 'kafka-journal';
import { assign, createActor, setup, waitFor } from 'xstate';

const counter = setup({
  actions: { plus: assign({ count: ({ context, event }) => context.count + event.by }) },
}).createMachine({
  id: 'counter',
  context: { count: 0 },
  initial: 'counting',
  states: { counting: { on: { added: { actions: 'plus' } } } },
});

const persistence = await createPersistence({
  config: `
    akka.persistence.journal.plugin = "evolutiongaming.kafka-journal.embedded.journal"
    evolutiongaming.kafka-journal.embedded.journal.file = "journal.db"
  `,
});
const actor = createActor(persistence.persistent(counter, { persistenceId: 'counter|one' }));
actor.start();
const recovered = await waitFor(actor, isReady);
console.log(`recovered ${recovered.context.count}`);
for (const by of [1, 2, 3]) await persistence.ask(actor, { type: 'added', by });
console.log(`now ${actor.getSnapshot().context.count}`);
await persistence.shutdown();
