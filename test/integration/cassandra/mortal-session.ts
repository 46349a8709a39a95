import type { CassandraSession } from '../../../src/stores/cassandra/session-types.ts';

/**
 * A session whose owner dies around write number `deathAt`, counted from 0: before it is sent, or
 * after it is stored. Later writes are not sent either.
 */
export class MortalSession implements CassandraSession {
  count = 0;
  readonly page: CassandraSession['page'];
  readonly select: CassandraSession['select'];
  readonly selectSerially: CassandraSession['selectSerially'];
  readonly execute: CassandraSession['execute'];
  private readonly session: CassandraSession;
  private readonly deathAt: number;
  private readonly moment: 'before' | 'after';

  constructor(session: CassandraSession, deathAt: number, moment: 'before' | 'after' = 'before') {
    this.session = session;
    this.deathAt = deathAt;
    this.moment = moment;
    this.page = session.page.bind(session);
    this.select = session.select.bind(session);
    this.selectSerially = session.selectSerially.bind(session);
    this.execute = session.execute.bind(session);
  }

  write(...args: Parameters<CassandraSession['write']>): Promise<void> {
    return this.mortally(() => this.session.write(...args));
  }

  writeBatch(...args: Parameters<CassandraSession['writeBatch']>): Promise<void> {
    return this.mortally(() => this.session.writeBatch(...args));
  }

  writeIf(...args: Parameters<CassandraSession['writeIf']>) {
    return this.mortally(() => this.session.writeIf(...args));
  }

  private async mortally<T>(write: () => Promise<T>): Promise<T> {
    const number = this.count++;
    if (number > this.deathAt || (number === this.deathAt && this.moment === 'before'))
      throw death();
    const result = await write();
    if (number === this.deathAt) throw death();
    return result;
  }

  /** True when the owner has died, or would have at the next write. */
  get isDead(): boolean {
    return this.count > this.deathAt;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function death(): Error {
  return new Error('the replicator died');
}
