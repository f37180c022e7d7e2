/**
 * Translate: what a filter says into tests, from left to right, because some primitives move the layers for those
 * behind them.
 */

import { hasAddress, toGroup } from './address-tests.ts';
import type { Arithmetic, Expression } from './ast.ts';
import { enter } from './encapsulation.ts';
import { FilterError } from './error.ts';
import { createLayers, type Layers, network } from './layers.ts';
import type { Token } from './lex.ts';
import { linkType, llc } from './link-tests.ts';
import { hasPort } from './port-tests.ts';
import { hasProtocol, isFirstFragment, isIpv4, isIpv6, isProtocol } from './protocol-tests.ts';
import {
  above,
  all,
  atLeast,
  constant,
  not,
  type Operator,
  type Place,
  shifted,
  type Test,
  type Value,
} from './test.ts';

const ETHERTYPE_PPPOE_DISCOVERY = 0x8863;
const IPV6_BYTES = 40;

/** Headers that an index counts from. */
const NETWORK: ReadonlySet<string> = new Set([
  'ip',
  'ip6',
  'arp',
  'rarp',
  'atalk',
  'decnet',
  'sca',
  'lat',
  'moprc',
  'mopdl',
]);
const TRANSPORT: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp', 'icmp', 'igmp', 'igrp', 'pim', 'vrrp', 'carp']);

export function translate(expression: Expression): Test {
  return translateIn(createLayers(), expression);
}

function translateIn(layers: Layers, expression: Expression): Test {
  switch (expression.kind) {
    case 'and':
    case 'or': {
      const of = expression.of.map((part) => translateIn(layers, part));
      return { kind: expression.kind === 'and' ? 'all' : 'any', of };
    }
    case 'not':
      return not(translateIn(layers, expression.of));
    case 'identifier': {
      const { qualifiers, id } = expression;
      if (qualifiers.kind.startsWith('proto')) {
        return hasProtocol(layers, qualifiers.protocol, qualifiers.kind, id.token);
      }
      return qualifiers.kind.startsWith('port')
        ? hasPort(layers, qualifiers, id.token)
        : hasAddress(layers, qualifiers, id);
    }
    case 'protocol':
      return isProtocol(layers, expression.token.text, expression.token);
    case 'group':
      return toGroup(layers, expression.protocol, expression.token);
    case 'length': {
      const length: Value = { kind: 'length' };
      return expression.operator === 'greater'
        ? atLeast(length, expression.bytes)
        : not(above(length, expression.bytes));
    }
    case 'encapsulation':
      return enter(layers, expression.token, expression.id);
    case 'pppoed':
      return linkType(layers, ETHERTYPE_PPPOE_DISCOVERY, expression.token);
    case 'llc':
      return llc(layers, expression.type);
    case 'relation':
      return relation(layers, expression.operator, expression.left, expression.right);
  }
}

function relation(layers: Layers, operator: string, leftSide: Arithmetic, rightSide: Arithmetic): Test {
  // A byte of a header is asked for only in frames that have this header.
  const conditions: Test[] = [];
  const left = value(layers, leftSide, conditions);
  const right = value(layers, rightSide, conditions);
  const compare = (how: '===' | '>' | '>='): Test => ({ kind: 'compare', operator: how, left, right });
  const tests: Record<string, () => Test> = {
    '=': () => compare('==='),
    '!=': () => not(compare('===')),
    '>': () => compare('>'),
    '>=': () => compare('>='),
    '<=': () => not(compare('>')),
    '<': () => not(compare('>=')),
  };
  return all(...conditions, tests[operator]!());
}

function value(layers: Layers, side: Arithmetic, conditions: Test[]): Value {
  switch (side.kind) {
    case 'constant':
      return constant(side.value);
    case 'length':
      return { kind: 'length' };
    case 'negate': {
      const of = value(layers, side.of, conditions);
      return of.kind === 'constant' ? constant(-of.value >>> 0) : { kind: 'negate', of };
    }
    case 'binary': {
      const left = value(layers, side.left, conditions);
      // As in libpcap, only the left operand's header has to be there: `ip[2:2] - tcp[12] > 0` looks at UDP as well.
      const right = value(layers, side.right, []);
      refuseNonsense(side.operator, right);
      return { kind: 'binary', operator: side.operator.text as Operator, left, right };
    }
    case 'load':
      return indexed(layers, side.protocol, value(layers, side.index, conditions), sizeOf(side.size), conditions);
  }
}

function refuseNonsense(operator: Token, right: Value): void {
  if (right.kind !== 'constant') return;
  const { text, column } = operator;
  if ((text === '/' || text === '%') && right.value === 0) throw new FilterError(column, 'division by zero');
  if ((text === '<<' || text === '>>') && right.value > 31) throw new FilterError(column, 'shift by more than 31 bits');
}

function sizeOf(size: Token | null): 1 | 2 | 4 {
  if (size === null || size.value === 1) return 1;
  if (size.value === 2 || size.value === 4) return size.value;
  throw new FilterError(size.column, `${size.text} is no size; valid are 1, 2 and 4 bytes`);
}

function indexed(layers: Layers, protocol: Token, index: Value, size: 1 | 2 | 4, conditions: Test[]): Value {
  const name = protocol.text;
  const at = (place: Place): Value => ({ kind: 'load', place, size, index });
  const header = network(layers);
  if (name === 'ether') {
    if (layers.link === null) throw new FilterError(protocol.column, 'inside PPPoE there is no Ethernet header');
    return at(layers.link);
  }
  if (NETWORK.has(name)) {
    conditions.push(isProtocol(layers, name, protocol));
    return at(header);
  }
  if (TRANSPORT.has(name)) {
    // Like libpcap's, an index into a transport header means that of IPv4.
    conditions.push(all(isIpv4(layers, protocol), isProtocol(layers, name, protocol), isFirstFragment(layers)));
    return { kind: 'load', place: header, size, index, behindIpv4: header };
  }
  if (name === 'icmp6') {
    conditions.push(all(isIpv6(layers, protocol), isProtocol(layers, name, protocol)));
    return at(shifted(header, IPV6_BYTES));
  }
  const valid = ['ether', ...NETWORK, ...TRANSPORT, 'icmp6'].join(', ');
  throw new FilterError(protocol.column, `"${name}" cannot be indexed; valid are ${valid}`);
}
