//! Places on the globe, in both protocols. All arguments and errors are compared with a recorded Redis beside the handlers.

use crate::harness::both;

fn fill(db: &mut crate::harness::Db<'_>) {
    db.check("GEOADD Sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2");
}

#[test]
fn places_distances_and_hashes() {
    both(|db| {
        fill(db);
        db.check("GEODIST Sicily Palermo Catania", "$166274.1516");
        db.check("GEODIST Sicily Palermo Catania km", "$166.2742");
        db.check_each("GEODIST Sicily Palermo nobody", "nil", "nil");
        db.check("GEOHASH Sicily Palermo Catania", "[$sqc8b49rny0 $sqdtr74hyu0]");
        db.check_each(
            "GEOPOS Sicily Palermo nobody",
            "[[$13.36138933897018433 $38.11555639549629859] nil*]",
            "[[,13.36138933897018433 ,38.11555639549629859] nil]",
        );
        db.check_each("ZSCORE Sicily Palermo", "$3479099956230698", ",3479099956230698");
        db.check_arity(&["GEOADD Sicily 1 2", "GEODIST Sicily a", "GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS"]);
    });
}

#[test]
fn searches_and_what_they_store() {
    both(|db| {
        fill(db);
        db.check("GEOSEARCH Sicily FROMLONLAT 15 37 BYRADIUS 200 km ASC", "[$Catania $Palermo]");
        db.check("GEOSEARCH Sicily FROMMEMBER Palermo BYBOX 10 10 km", "[$Palermo]");
        db.check(
            "GEORADIUS Sicily 15 37 200 km WITHDIST WITHHASH DESC COUNT 1",
            "[[$Palermo $190.4424 :3479099956230698]]",
        );
        db.check("GEORADIUSBYMEMBER_RO Sicily Catania 100 km", "[$Catania]");
        db.check("GEOSEARCHSTORE d Sicily FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST", ":2");
        db.check("ZRANGE d 0 -1", "[$Catania $Palermo]");
        db.check("GEORADIUS Sicily 15 37 1 km STORE d", ":0");
        db.check("EXISTS d", ":0");
        db.check("GEOSEARCH absent FROMMEMBER a BYRADIUS 1 km", "[]");
    });
}
