import { expect } from 'chai';
import { parseDurationMs, parseSizeBytes } from '../../../../src/config/hocon/units.ts';

describe('units', () => {
  it('reads every duration that the JVM files use', () => {
    const durations = {
      '1ms': 1,
      '2 s': 2_000,
      '10 seconds': 10_000,
      '1m': 60_000,
      '1min': 60_000,
    };
    for (const [text, ms] of Object.entries({
      ...durations,
      '2 minutes': 120_000,
      '1h': 3_600_000,
    })) {
      expect(parseDurationMs(text), text).to.equal(ms);
    }
    expect(parseDurationMs('1d')).to.equal(86_400_000);
    expect(parseDurationMs('250')).to.equal(250);
    expect(parseDurationMs('1.5 s')).to.equal(1_500);
  });

  it('reads sizes to the powers of 1000 and 1024', () => {
    const sizes = {
      '8388608': 8_388_608,
      '1MiB': 1_048_576,
      '512k': 524_288,
      '10MB': 10_000_000,
      '2 kB': 2_000,
    };
    for (const [text, bytes] of Object.entries(sizes))
      expect(parseSizeBytes(text), text).to.equal(bytes);
  });

  it('refuses units it does not know', () => {
    expect(parseDurationMs('5 parsecs')).to.equal(undefined);
    expect(parseDurationMs('s')).to.equal(undefined);
    expect(parseSizeBytes('1 ms')).to.equal(undefined);
    expect(parseSizeBytes('9999999 TiB')).to.equal(undefined);
  });
});
