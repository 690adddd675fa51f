exports.Platform = { OS: "android" };
