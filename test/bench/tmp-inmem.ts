const cpu=()=>{const c=process.cpuUsage();return (c.user+c.system)/1000;};
import { createPersistence } from '/tmp/wt/d-plugins/src/index.ts';
import { counter } from '/tmp/wt/d-plugins/test/support/counter.ts';
import { createActor } from 'xstate';
const host = await createPersistence({ config: 'akka.persistence.journal.plugin = "akka.persistence.journal.inmem"' });
const logic = host.persistent(counter, { persistenceId: ({ input }: any) => input.id });
const n = 20000;
for (let round = 0; round < 4; round++) {
  const a: any = createActor(logic as any, { input: { id: 'e' + round } } as any); a.start(); await host.whenRecovered(a);
  let t = cpu();
  for (let i = 0; i < n; i++) await host.ask(a, { type: 'added', by: 1 } as any);
  const command = (cpu() - t) * 1000 / n;
  await host.stop(a);
  const b: any = createActor(logic as any, { input: { id: 'e' + round } } as any);
  t = cpu(); b.start(); await host.whenRecovered(b);
  const replay = (cpu() - t) * 1000 / n;
  console.log(`${command.toFixed(1)} us a command, ${replay.toFixed(2)} us a replayed event`, b.getSnapshot().context.sum);
  await host.stop(b);
}
await host.shutdown();
