export declare const table: Readonly<Record<string, { readonly rooms: ReadonlyArray<string> }>>
export declare const objection: (file: string, specifier: string) => string | undefined
