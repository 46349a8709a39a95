// Who may import whom: the table of the architecture page as rules. `npm run lint` checks it.

/** For each folder of `src`, the folders it may import besides itself. */
const mayImport = {
  model: [],
  runtime: [],
  ports: ['model'],
  history: ['model'],
  codec: ['model', 'runtime'],
  config: ['model', 'runtime'],
  observability: ['model', 'ports', 'runtime'],
  actor: ['model', 'ports', 'runtime', 'observability'],
  journal: ['model', 'ports', 'history', 'codec', 'runtime', 'observability'],
  plugin: ['model', 'ports', 'codec', 'runtime', 'observability', 'actor', 'journal', 'config'],
  fleet: ['model', 'ports', 'codec', 'config', 'runtime', 'observability', 'actor'],
  remote: ['model', 'ports', 'config', 'runtime', 'observability'],
  kafka: ['model', 'ports', 'codec', 'config', 'runtime', 'observability'],
  stores: ['model', 'ports', 'history', 'codec', 'config', 'runtime', 'observability'],
};
const replicatorMayImport = [
  'model',
  'ports',
  'history',
  'codec',
  'config',
  'runtime',
  'observability',
];

/** Where adapters meet ports: these may import anything of ours. */
const compositionRoots = '^(src/index\\.ts|src/compose/.+|src/cli/.+|replicator/main\\.ts)$';
const ours = '^(src|replicator|test|examples)/';
const anyOf = (folders) => `^src/(${folders.join('|')})/`;

/** Files of other folders that are open to one. */
const openFiles = {
  // Snapshots and encrypted payloads are JSON of the actor's own.
  actor: '|^src/codec/json/plain-json\\.ts$',
  // History names a generation by its record id.
  history: '|^src/codec/record/record-id\\.ts$',
  // Who gets which partition is one rule, whatever carries it between the members.
  kafka: '|^src/fleet/assignment/',
  stores: '|^src/fleet/assignment/',
};

/** Rooms of `src/actor`, and those that each may use. Hosts and front ends lie above all of them. */
const actorRooms = {
  evolution: [],
  entity: ['evolution'],
  delivery: ['entity', 'evolution'],
  machine: ['entity', 'delivery'],
  snapshots: ['entity', 'evolution'],
  command: ['entity', 'machine', 'evolution', 'snapshots', 'delivery'],
  recovery: ['entity', 'machine', 'evolution', 'snapshots', 'delivery'],
  registry: ['entity'],
};
const rooms = Object.entries(actorRooms).map(([room, others]) => ({
  name: `actor-${room}-imports`,
  comment: `src/actor/${room} may import ${others.join(', ') || 'no other room'}, and no host`,
  severity: 'error',
  from: { path: `^src/actor/${room}/` },
  to: { path: '^src/actor/', pathNot: `^src/actor/(${[room, ...others].join('|')})/` },
}));

const layers = Object.entries(mayImport).map(([folder, others]) => ({
  name: `${folder}-imports`,
  comment: `src/${folder} may import ${others.join(', ') || 'nothing of ours'}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: ours, pathNot: anyOf([folder, ...others]) + (openFiles[folder] ?? '') },
}));

/** A package and the only files that may import it. */
const drivers = [
  ['kafkajs', '^src/kafka/'],
  ['(lz4-napi|snappyjs)', '^src/kafka/'],
  ['cassandra-driver', '^src/stores/cassandra/(session|driver-connections)\\.ts$'],
  ['pg', '^src/stores/postgres/'],
  ['(pino|prom-client)', '^(replicator|src/cli)/'],
  [
    'xstate',
    '^(src/actor/|src/fleet/|src/index\\.ts$|src/compose/|replicator/|src/runtime/step-table\\.ts$|src/.+(\\.machine|-runner)\\.ts$|src/plugin/|src/journal/head-cache/)',
  ],
].map(([driver, files]) => ({
  name: `${driver
    .replace(/[^\w-]+/g, ' ')
    .trim()
    .replace(' ', '-or-')}-has-one-home`,
  comment: `only ${files} may import ${driver}`,
  severity: 'error',
  from: { path: '^(src|replicator)/', pathNot: files },
  to: { path: `^node_modules/${driver}/` },
}));

export default {
  forbidden: [
    ...layers,
    ...rooms,
    ...drivers,
    {
      name: 'folder-has-a-row',
      comment: 'a new folder of src needs its row in the table above',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: anyOf([...Object.keys(mayImport), 'compose', 'cli']) },
      to: {},
    },
    {
      name: 'replicator-imports',
      comment: `replicator may import ${replicatorMayImport.join(', ')}`,
      severity: 'error',
      from: { path: '^replicator/', pathNot: compositionRoots },
      to: { path: ours, pathNot: `^replicator/|${anyOf(replicatorMayImport)}` },
    },
    {
      name: 'src-knows-no-replicator',
      comment: 'src never imports the replicator, the composition roots excepted',
      severity: 'error',
      from: { path: '^src/', pathNot: compositionRoots },
      to: { path: '^replicator/' },
    },
    {
      name: 'product-knows-no-tests',
      severity: 'error',
      from: { path: '^(src|replicator)/' },
      to: { path: '^(test|examples)/' },
    },
    {
      name: 'journal-only-reads-the-store',
      comment: 'the journal reads the store through eventual-journal; the replicator writes it',
      severity: 'error',
      from: { path: '^src/journal/' },
      to: { path: '^src/ports/replicated-journal\\.ts$' },
    },
    {
      name: 'replicator-only-writes-the-store',
      comment: 'the replicator writes the store through replicated-journal; the journal reads it',
      severity: 'error',
      from: { path: '^replicator/', pathNot: compositionRoots },
      to: { path: '^src/ports/eventual-journal\\.ts$' },
    },
    {
      name: 'one-file-knows-sqlite',
      severity: 'error',
      from: { path: '^(src|replicator)/', pathNot: '^src/stores/sqlite/' },
      to: { dependencyTypes: ['core'], path: '^(node:)?sqlite$' },
    },
    ...['cassandra', 'postgres', 'sqlite'].map((store) => ({
      name: `${store}-knows-no-other-store`,
      comment: 'what stores share is in src/stores itself and in src/stores/relational',
      severity: 'error',
      from: { path: `^src/stores/${store}/` },
      to: { path: '^src/stores/[^/]+/', pathNot: `^src/stores/(${store}|relational)/` },
    })),
    { name: 'no-cycles', severity: 'error', from: { path: ours }, to: { circular: true } },
    {
      name: 'no-missing-files',
      severity: 'error',
      from: { path: '^(src|replicator)/' },
      to: { couldNotResolve: true },
    },
    {
      name: 'no-development-packages-in-the-product',
      comment: 'what src and replicator import must be installed with the package',
      severity: 'error',
      from: { path: '^(src|replicator)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], dependencyTypesNot: ['npm-peer'] },
    },
  ],
  options: {
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: '^(node_modules|dist)/' },
    exclude: { path: '^dist/' },
    builtInModules: { add: ['node:sqlite', 'sqlite'] },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mts', '.mjs', '.js', '.json'],
    },
  },
};
