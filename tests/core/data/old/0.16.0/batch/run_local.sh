#!/bin/sh

here=$(readlink -f $(dirname $0))

cd $here/39b7c04c-a87b-4fac-ad34-8b28420cf530; sh jobscript_local  # run_seq=0 pset_seq=0
cd $here/cb697ca5-1265-4dcb-9d4b-c0ef958a8477; sh jobscript_local  # run_seq=0 pset_seq=1
cd $here/006b242c-53e7-43e4-bb02-6bfb3ad61ba8; sh jobscript_local  # run_seq=0 pset_seq=2
