import { assign, createActor, setup } from 'xstate';
import { createActorHost } from '../../../src/actor/create-actor-host.ts';
import { testSettings } from './support.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { silentLogger } from '../../../src/observability/logger.ts';
const cpu=()=>{const u=process.cpuUsage();return (u.user+u.system)/1000};
const m:any = setup({types:{} as any,actions:{plus:assign({n:({context,event}:any)=>context.n+event.k})}}).createMachine({id:'c',initial:'open',context:()=>({n:0}),states:{open:{on:{inc:{actions:'plus'},close:'closed'}},closed:{}}} as any);
const fast: any = { async write(){ return [] }, async recover(){ return { highestSeqNr: async()=>0, events: (async function*(){})() } } };
const H:any = createActorHost({ settings: testSettings, journal: async () => fast, log: silentLogger, clock: systemClock, randomUuid: () => crypto.randomUUID() });
const L:any = H.persistent(m, { persistenceId: ({input}:any) => `c|${input.id}` });
const actors:any[] = [], plain:any[]=[];
let t0=cpu();
for (let i=0;i<1000;i++) actors.push(createActor(L,{input:{id:i}}).start());
await Promise.all(actors.map(a=>H.whenRecovered(a)));
console.log('open us', ((cpu()-t0)).toFixed(1));
for (let i=0;i<1000;i++) plain.push(createActor(m).start());
for (let round=0; round<8; round++) {
  const N=40000; let t=cpu();
  for(let i=0;i<N;i++) plain[(i*7)%1000].send({type:'inc',k:1});
  const raw=(cpu()-t)/N*1000;
  let next=0; t=cpu();
  await Promise.all(Array.from({length:256}, async()=>{ while(next<N){ const i=next++; await H.ask(actors[(i*7)%1000], {type:'inc',k:1}); } }));
  const us=(cpu()-t)/N*1000; console.log('plain send', raw.toFixed(2),'us; ask', us.toFixed(2),'us', (1e6/us).toFixed(0)+'/s', 'ratio', (us/raw).toFixed(2));
}
t0=cpu();const more:any[]=[];
for (let i=0;i<3000;i++) more.push(createActor(L,{input:{id:'m'+i}}).start());
await Promise.all(more.map(a=>H.whenRecovered(a)));
console.log('open warm us/actor', ((cpu()-t0)/3000*1000).toFixed(1));
await H.shutdown();
