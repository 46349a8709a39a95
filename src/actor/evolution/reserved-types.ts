/** What begins the type of the event that confirms a delivery; the destination follows. */
export const deliveredPrefix = 'persistence.delivered.';

/** The type of an event of xstate's own, or of the library's: nobody else may send or store it. */
export function isReservedType(type: string): boolean {
  return type.startsWith('xstate.') || type.startsWith(deliveredPrefix);
}

/** Begins the name of a destination that is a child of the entity; the id of the child follows. */
export const childAddress = '#child:';
