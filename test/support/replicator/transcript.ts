import { StoreUnavailableError } from '../../../src/model/errors.ts';
import type { LogRecord } from '../../../src/model/log-record.ts';
import { Partition } from '../../../src/model/position.ts';
import { settle } from './manual-clock.ts';
import {
  append,
  deleteTo,
  foreignRecord,
  logRecord,
  mark,
  purge,
  type Step,
  unreadableEvents,
} from './records.ts';
import { testReplicator } from './test-replicator.ts';

type Parts = Awaited<ReturnType<typeof testReplicator>>;

/**
 * Plays the commands of a transcript (lines that start with `> `) against a replicator over fakes,
 * and answers the transcript with what happened after each: every write, commit and complaint.
 *
 *     assign P · revoke P · lose P · wait MS · store down · store up · journal ID · stop
 *     poll P: ID STEP, ID STEP, …
 *     STEP: append N..M, delete N, purge, mark, unreadable, foreign
 */
export async function play(transcript: string): Promise<string> {
  const parts = await testReplicator();
  const world = new World(parts);
  const lines: string[] = [];
  for (const line of transcript.split('\n')) {
    if (line.startsWith('#') || line === '') lines.push(line);
    if (!line.startsWith('> ')) continue;
    lines.push(line, ...(await world.run(line.slice(2))).map((text) => `  ${text}`));
  }
  await parts.stop();
  return `${lines.join('\n').trimEnd()}\n`;
}

class World {
  readonly #parts: Parts;
  readonly #nextOffsets = new Map<number, number>();
  readonly #seen = { writes: 0, events: 1, lines: 0 };

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#seen.lines = parts.log.lines.length;
  }

  async run(command: string): Promise<readonly string[]> {
    const said = await this.#perform(command);
    await settle();
    return [...said, ...this.#news()];
  }

  async #perform(command: string): Promise<readonly string[]> {
    const [verb = '', word = ''] = command.split(/[\s:]+/);
    if (verb === 'journal') return [this.#journal(word)];
    if (verb === 'store') this.#parts.store.before = word === 'up' ? () => {} : refuse;
    else if (verb === 'wait') await this.#parts.clock.advance(Number(word));
    else if (verb === 'stop') await this.#parts.stop();
    else return await this.#move(verb, Partition.of(Number(word)), command);
    return [];
  }

  async #move(verb: string, partition: Partition, command: string): Promise<readonly string[]> {
    const member = this.#parts.member();
    if (verb === 'assign')
      return [`from ${(await member.assign(partition)) ?? 'the oldest record'}`];
    if (verb === 'revoke') await member.revoke(partition);
    else if (verb === 'lose') await member.lose(partition);
    else if (verb === 'poll') member.send(partition, this.#records(partition, command));
    else throw new Error(`no command ${command}`);
    return [];
  }

  #journal(id: string): string {
    const stored = this.#parts.store.journals.get(`journal:${id}`);
    if (stored?.pointer === undefined) return 'none';
    const { seqNr, deleteTo: to } = stored.pointer;
    const events = this.#parts.store.seqNrs(`journal:${id}`).join(' ');
    return `events ${events || 'none'} · seqNr ${seqNr} · deleted to ${to ?? 0}`;
  }

  #records(partition: number, command: string): readonly LogRecord[] {
    const steps = command.slice(command.indexOf(':') + 1).split(',');
    return steps.map((text) => {
      const offset = this.#nextOffsets.get(partition) ?? 0;
      this.#nextOffsets.set(partition, offset + 1);
      return recordOf(text.trim(), offset);
    });
  }

  #news(): readonly string[] {
    const { store, member, log } = this.#parts;
    const writes = store.writes().slice(this.#seen.writes);
    const events = member().events.slice(this.#seen.events);
    const lines = log.lines
      .slice(this.#seen.lines)
      .filter(({ level }) => level === 'warn' || level === 'error');
    this.#seen.writes += writes.length;
    this.#seen.events += events.length;
    this.#seen.lines = log.lines.length;
    const complaints = lines.map(({ level, message, fields }) => {
      const { offset } = fields;
      const place = typeof offset === 'number' ? ` at offset ${offset}` : '';
      return `${level}: ${message}${place}`;
    });
    return [...writes, ...events, ...complaints];
  }
}

function refuse(): never {
  throw new StoreUnavailableError('no host answers');
}

function recordOf(text: string, offset: number): LogRecord {
  const [id = '', what = '', numbers = '1'] = text.split(' ');
  const [from = 1, to = from] = numbers.split('..').map(Number);
  if (what === 'foreign') return foreignRecord(offset, id);
  if (what === 'unreadable') return unreadableEvents(id, offset, from);
  return logRecord(id, offset, stepOf(what, from, to));
}

function stepOf(what: string, from: number, to: number): Step {
  if (what === 'append') return append(from, to);
  if (what === 'delete') return deleteTo(from);
  if (what === 'purge') return purge;
  if (what === 'mark') return mark;
  throw new Error(`no step ${what}`);
}
