import type { DriverCluster } from '../kafkajs.ts';

/**
 * Makes a cluster ask another bootstrap server whenever it has no connection. kafkajs stays with a
 * server that accepts connections, even if nothing that it answers is understood.
 */
export function changeSeeds(cluster: DriverCluster): void {
  const pool = cluster.brokerPool;
  const connect = pool.connect.bind(pool);
  let isUsed = false;
  let connecting: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    if (isUsed && !pool.hasConnectedBrokers()) await pool.createSeedBroker();
    isUsed = true;
    await connect();
  };
  // At the same time, one would disconnect what the other connects.
  pool.connect = () => {
    connecting ??= run().finally(() => {
      connecting = undefined;
    });
    return connecting;
  };
}
