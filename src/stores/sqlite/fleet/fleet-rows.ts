import { decodeView, encodeView } from '../../../fleet/assignment/member-codec.ts';
import { DataIntegrityError } from '../../../model/errors.ts';
import { Topic } from '../../../model/position.ts';
import type { FleetMember, FleetView } from '../../../ports/fleet-membership.ts';
import type { Database, Statement } from '../session.ts';

/** A row of `fleet_member`. */
export interface MemberRow {
  readonly member: FleetMember;
  /** As `nameOfProcess` has it. */
  readonly process: string;
  readonly topics: readonly Topic[];
  /** Ms since the epoch: from then on the member may be expelled. */
  readonly expires: number;
}

/** A row of `fleet_view`. */
export interface ViewRow {
  readonly view: FleetView;
  /** The members, their topics and the partitions that were shared out, as one text. */
  readonly basis: string;
  /** False: partitions are to move once it is calm. */
  readonly isBalanced: boolean;
  /** Ms since the epoch, from which the balance delay counts. */
  readonly changed: number;
}

interface MemberCells {
  readonly member: string;
  readonly address: string;
  readonly process: string;
  readonly topics: string;
  readonly expires: number;
}

interface ViewCells {
  readonly generation: number;
  readonly view: string;
  readonly basis: string;
  readonly balanced: number;
  readonly changed: number;
}

/** Both tables of one fleet: statements only. A connection that may only read can use it, too. */
export class FleetRows {
  readonly #fleet: string;
  readonly #members: Statement<MemberCells>;
  readonly #generation: Statement<{ generation: number }>;
  readonly #view: Statement<ViewCells>;
  readonly #saveMember: Statement;
  readonly #removeMember: Statement;
  readonly #saveView: Statement;

  constructor(database: Database, fleet: string) {
    this.#fleet = fleet;
    this.#members = database.prepare(
      `SELECT member, address, process, topics, expires FROM fleet_member WHERE fleet = ?
       ORDER BY member`,
    );
    this.#generation = database.prepare('SELECT generation FROM fleet_view WHERE fleet = ?');
    this.#view = database.prepare(
      'SELECT generation, view, basis, balanced, changed FROM fleet_view WHERE fleet = ?',
    );
    const saveMember = 'INSERT OR REPLACE INTO fleet_member VALUES (?, ?, ?, ?, ?, ?)';
    this.#saveMember = database.prepare(saveMember);
    const removeMember = 'DELETE FROM fleet_member WHERE fleet = ? AND member = ?';
    this.#removeMember = database.prepare(removeMember);
    const saveView = 'INSERT OR REPLACE INTO fleet_view VALUES (?, ?, ?, ?, ?, ?)';
    this.#saveView = database.prepare(saveView);
  }

  /** By id. */
  members(): MemberRow[] {
    return this.#members.all(this.#fleet).map(({ member, address, process, topics, expires }) => ({
      member: { id: member, address },
      process,
      topics: topics === '' ? [] : topics.split(',').map((topic) => Topic.of(topic)),
      expires,
    }));
  }

  /** 0 before anything was shared out. */
  generation(): number {
    return this.#generation.get(this.#fleet)?.generation ?? 0;
  }

  /**
   * `undefined` before anything was shared out.
   *
   * @throws {DataIntegrityError} the row does not decode
   */
  view(): ViewRow | undefined {
    const cells = this.#view.get(this.#fleet);
    if (cells === undefined) return undefined;
    try {
      const view = decodeView(cells.view);
      return { ...cells, view, isBalanced: cells.balanced === 1 };
    } catch (cause) {
      const message = `the row of ${this.#fleet} in fleet_view does not decode`;
      throw new DataIntegrityError(message, { cause });
    }
  }

  /** Within a transaction. */
  saveMember({ member, process, topics, expires }: MemberRow): void {
    const { id, address } = member;
    this.#saveMember.run(this.#fleet, id, address, process, topics.join(','), expires);
  }

  /** Within a transaction. */
  removeMember(id: string): void {
    this.#removeMember.run(this.#fleet, id);
  }

  /** Within a transaction. */
  saveView({ view, basis, isBalanced, changed }: ViewRow): void {
    const { generation } = view;
    const balanced = isBalanced ? 1 : 0;
    this.#saveView.run(this.#fleet, generation, encodeView(view), basis, balanced, changed);
  }
}
