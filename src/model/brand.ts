declare const brand: unique symbol;

/** A nominal type: a `T` that went through the one function allowed to make it a `Name`. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };
