import { assign, createActor, setup, waitFor } from '/work/main/node_modules/xstate/dist/xstate.cjs.mjs';
import { testHost } from '/work/main/test/unit/actor/support.ts';
import { isReady } from '/work/main/src/actor/persistence-info.ts';
const cpu=()=>{const u=process.cpuUsage();return (u.user+u.system)/1000};
const { host, journal } = testHost();
const m = setup({types:{} as any,actions:{plus:assign({n:({context,event}:any)=>context.n+event.k})}}).createMachine({id:'c',initial:'open',context:()=>({n:0}),states:{open:{on:{inc:{actions:'plus'},close:'closed'}},closed:{}}} as any);
const logic:any = host.persistent(m as any, { persistenceId: ({input}:any) => `c|${input.id}` } as any);
const a:any = createActor(logic, { input: {id: 1} }).start();
await waitFor(a, isReady as any);
console.log(await host.ask(a, {type:'inc', k:2}).then((r:any)=>({...r, snapshot: r.snapshot.context})));
console.log(journal.payloads('c|1'));
await host.stop(a);
console.log(a.getSnapshot().status);
const b:any = createActor(logic, { input: {id: 1} }).start();
await host.whenRecovered(b);
console.log(b.getSnapshot().context, b.getSnapshot().persistence);
await host.shutdown();
// live perf
{
  const { host, journal } = testHost();
  const fast: any = { calls:0, async write(w:any){ return [] }, async recover(){ return { highestSeqNr: async()=>0, events: (async function*(){})() } } };
  const h2 = testHost({ } as any).host;
  const { createActorHost } = await import('/work/main/src/actor/create-actor-host.ts');
  const { testSettings } = await import('/work/main/test/unit/actor/support.ts');
  const { systemClock } = await import('/work/main/src/runtime/clock.ts');
  const { silentLogger } = await import('/work/main/src/observability/logger.ts');
  const H = createActorHost({ settings: testSettings, journal: async () => fast, log: silentLogger, clock: systemClock, randomUuid: () => crypto.randomUUID() });
  const L:any = H.persistent(m as any, { persistenceId: ({input}:any) => `c|${input.id}` } as any);
  const actors:any[] = [];
  let t0 = cpu();
  for (let i=0;i<1000;i++) actors.push(createActor(L,{input:{id:i}}).start());
  await Promise.all(actors.map(a=>H.whenRecovered(a)));
  console.log('open 1000', (cpu()-t0).toFixed(0),'ms');
  for (let round=0; round<5; round++) {
    const N=60000; let next=0; t0=cpu();
    await Promise.all(Array.from({length:256}, async()=>{ while(next<N){ const i=next++; await H.ask(actors[(i*7)%1000], {type:'inc',k:1}); } }));
    const ms=cpu()-t0; console.log('ask/s', (N/ms*1000).toFixed(0), (ms/N*1000).toFixed(2),'us');
  }
  await H.shutdown();
  // recovery
  for (let round=0; round<5; round++) {
    const N=200000; const reprs:any[]=[]; for(let i=1;i<=N;i++) reprs.push({persistenceId:'x',seqNr:i,payload:{type:'inc',k:1},manifest:'',writerUuid:'w',timestampMs:1,tags:[],timer:undefined});
    const j:any={ async recover(){ return {highestSeqNr: async()=>N, events:(async function*(){ for(let i=0;i<N;i+=500) yield reprs.slice(i,i+500); })()} } };
    const R=createActorHost({ settings: testSettings, journal: async () => j, log: silentLogger, clock: systemClock, randomUuid: () => crypto.randomUUID() });
    const LL:any=R.persistent(m as any,{persistenceId:'x'} as any);
    const t=cpu(); const act:any=createActor(LL,{input:{}}).start(); await R.whenRecovered(act); const ms=cpu()-t;
    console.log('replay/s',(N/ms*1000).toFixed(0),(ms/N*1000).toFixed(2),'us',act.getSnapshot().context);
    await R.shutdown();
  }
}
