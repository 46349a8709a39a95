import type { Key, PersistenceIdToKey, PluginContext } from '../../../src/index.ts';

/** Every one that was made, in order. */
export const made: OwnKeys[] = [];

/** `order/42` is journal `42` of topic `orders`. */
export class OwnKeys implements PersistenceIdToKey {
  readonly context: PluginContext;

  constructor(context: PluginContext) {
    this.context = context;
    made.push(this);
  }

  keyOf(persistenceId: string) {
    const [kind, id] = persistenceId.split('/');
    if (kind === undefined || id === undefined) throw new Error('no kind');
    return { topic: `${kind}s`, id };
  }

  persistenceIdOf({ topic, id }: Key) {
    return topic.endsWith('s') ? `${topic.slice(0, -1)}/${id}` : undefined;
  }
}

export default (context: PluginContext) => new OwnKeys(context);
export const factory = { create: async (context: PluginContext) => new OwnKeys(context) };
export const oneWay = (): PersistenceIdToKey => ({ keyOf: (id) => ({ topic: 'one-way', id }) });
/** Gives what the persistence id says, parsed. */
export const parsed = () => ({ keyOf: (persistenceId: string) => JSON.parse(persistenceId) });
export const asynchronous = () => ({
  keyOf: () => Promise.reject(new Error('nobody waits for it')),
});
/** All ids have one key; of the way back the id of the key says what it does. */
export const wrongWayBack = () => ({
  keyOf: (id: string) => ({ topic: 'journal', id }),
  persistenceIdOf({ id }: Key) {
    if (id === 'throws') throw new Error('no way back');
    if (id === 'promise') return Promise.reject(new Error('nobody waits for it'));
    return id === 'other' ? 'another' : 5;
  },
});
export const hanging = (context: PluginContext) => {
  new OwnKeys(context);
  return new Promise(() => {});
};
export const throwing = () => {
  throw new Error('no such table');
};
export const noMapping = () => ({ map: 'a' });
export const number = 5;
