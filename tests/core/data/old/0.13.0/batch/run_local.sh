#!/bin/sh

here=$(readlink -f $(dirname $0))

cd $here/b064e250-3631-4b9f-b011-99775d904142; sh jobscript_local  # run_seq=0 pset_seq=0
cd $here/65e3556b-95b9-4e0d-92e4-5ae22b95f27f; sh jobscript_local  # run_seq=0 pset_seq=1
cd $here/1690cb41-f88c-40ad-b192-b3c9fc395e62; sh jobscript_local  # run_seq=0 pset_seq=2
