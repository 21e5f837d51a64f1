-- Where the keys are noted that statements touch in one table while PostgreSQL is the primary: in the types of the
-- table's own key, less the domains, whose conditions are no matter of a log.
create table if not exists crossfade.log_{id} as
    select null::bigint as entry, {typed_keys} from only {relation} t with no data;
