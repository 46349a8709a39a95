import { silentLogger } from '../../src/observability/logger.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { openSqliteStore } from '../../src/stores/sqlite/store.ts';
import { defectVectorsContract } from './defect-vectors.contract.ts';

defectVectorsContract('sqlite', () =>
  openSqliteStore(
    { file: ':memory:', partitions: 1, segmentSize: 3 },
    { log: silentLogger, clock: systemClock },
  ),
);
