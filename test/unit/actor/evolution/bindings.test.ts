import { expect } from 'chai';
import { Bindings } from '../../../../src/actor/evolution/bindings.ts';

class Money {
  readonly type = 'money.in';
}
class Cash extends Money {}

describe('bindings of events', () => {
  const bindings = new Bindings<string>([
    ['*', 'all'],
    ['order.*', 'order'],
    ['order.line.*', 'line'],
    ['order.line.added', 'added'],
    ['class:Money', 'money'],
  ]);

  it('go by the most specific pattern, whatever their order', () => {
    const of = (type: string) => bindings.of({ type });
    expect(of('order.line.added')).to.equal('added');
    expect(of('order.line.removed')).to.equal('line');
    expect(of('order.paid')).to.equal('order');
    expect(of('order')).to.equal('all');
    expect(of('orders.paid')).to.equal('all');
  });

  it('know instances of a class and of those derived from it, before "*"', () => {
    expect(bindings.of(new Money())).to.equal('money');
    expect(bindings.of(new Cash())).to.equal('money');
    expect(new Bindings([['class:Cash', 1]]).of(new Money())).to.equal(undefined);
  });

  it('give "*" to what has no type, and nothing where nothing is bound', () => {
    for (const value of [undefined, null, 'text', 7, {}]) {
      expect(bindings.of(value)).to.equal('all');
      expect(new Bindings([['a', 1]]).of(value)).to.equal(undefined);
    }
  });
});
