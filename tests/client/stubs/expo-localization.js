exports.getLocales = () => [{ languageTag: "de-DE" }];
