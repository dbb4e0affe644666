// A CommonJS module that was compiled from a default export, and one name beside it.
exports.default = (n: number) => n * 2
exports.triple = (n: number) => n * 3
